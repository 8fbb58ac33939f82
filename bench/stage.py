"""A small installation of the bench's own: services, people, an agent, a policy, the product's processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import uuid
from pathlib import Path
from typing import Any

from bench.given import policy, proposal, refund
from bench.servers import Servers
from tests.ground import put_in_force

NOT_OURS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "VALKEY_URL",
    "CELERY_BROKER_URL",
    "SECRET_KEY",
    "PUBLIC_URL",
)


class Stage(Servers):
    """Use it as a context. Everything in it is made by the product's own verbs."""

    def __init__(self, var: Path, *, stay: bool = False) -> None:
        self.var = var
        self.downstream_port = 0
        self.stay = stay
        self.staying = {}
        self.ends = contextlib.ExitStack()

    def __enter__(self) -> Stage:
        self._environment()
        from reviewapp import embedded
        from reviewapp.embedded.credentials import free_port

        # Whoever runs the services already knows these.
        known = [os.environ.get(f"BENCH_{role}_PASSWORD", "") for role in ("OWNER", "SUPERUSER")]
        privileged = embedded.Privileged(*(password or secrets.token_urlsafe(24) for password in known))
        self.services = embedded.start(self.var, say=_quiet, privileged=privileged)
        if not self.services.ours and not all(known):
            raise RuntimeError(f"Another bench runs on {self.var}: wait for it.")
        os.environ["DATABASE_OWNER_URL"] = self.services.owner_url
        try:
            self.downstream_port = free_port()
            os.environ["EGRESS_ALLOW"] = f"127.0.0.1:{self.downstream_port}"
            self._django()
            self.empty()
            self._people()
        except BaseException:
            self.services.stop()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        from django.db import connections

        self.end_who_stays()
        connections.close_all()
        self.services.stop()

    def _environment(self) -> None:
        # The bench empties tables: never those of anybody else.
        for name in NOT_OURS:
            os.environ.pop(name, None)
        os.environ.update(
            VAR_DIR=str(self.var.resolve()),
            DJANGO_SETTINGS_MODULE=os.environ.get("BENCH_SETTINGS", "reviewapp.settings"),
            RATE_LIMIT="1000000000/minute",
        )
        self.var.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _django(self) -> None:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        from reviewapp.web import static_files

        static_files.collect()

    # --- People and rules -------------------------------------------------------------------

    def _people(self) -> None:
        from audit.ground.actors import SYSTEM
        from governance.actions.action_types import register
        from governance.agents.agents import create_agent
        from governance.door.keys import issue_key, issue_token
        from governance.models import Agent
        from governance.people.people import create_user

        def person(name: str, role: str) -> Any:
            from governance.models import User

            found = User.objects.filter(username=name).first()
            return found or create_user(name, roles=[role], teams=["operations"], actor=SYSTEM)[0]

        self.reviewer, self.auditor = person("reviewer", "reviewer"), person("auditor", "auditor")
        self.author, self.second = person("owner", "operator"), person("second", "operator")
        self.token, self.auditor_token = (
            issue_token(who, actor=SYSTEM) for who in (self.reviewer, self.auditor)
        )
        agent = Agent.objects.filter(name="bench").first()
        if agent is None:
            agent = create_agent("bench", owner=self.author, allowed_actions=None, actor=SYSTEM)[0]
        self.agent, self.key = agent, issue_key(agent, actor=SYSTEM)
        self.action_type, _ = register(refund(self.downstream_port), actor=SYSTEM)
        self.policy = put_in_force(policy(), author=self.author, second=self.second)

    def session(self, user: Any = None) -> str:
        """The cookie of somebody who is signed in; the reviewer unless told otherwise."""
        from django.conf import settings
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
        from django.contrib.sessions.backends.db import SessionStore

        user, store = user or self.reviewer, SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.create()
        return f"{settings.SESSION_COOKIE_NAME}={store.session_key}"

    def bearer(self) -> dict[str, str]:
        """The header by which the reviewer's program is known."""
        return {"Authorization": f"Bearer {self.token}"}

    def hand_in(self, order: str = "#W2378156") -> dict[str, Any]:
        """A proposal by the product's API, asked in this process; returns what it answered."""
        return self.post("/api/v1/proposals/", proposal(order), self.key)

    def get(self, path: str, headers: dict[str, str]) -> bytes:
        """What the application answers in this process, without a server."""
        from django.test import Client

        answer = Client().get(path, headers={"Host": "localhost", **headers})
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code}: {answer.content[:500].decode()}")
        return answer.content

    def post(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        """What the API answers in this process, by the application without a server."""
        from django.test import Client

        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid.uuid4().hex, "Host": "localhost"}
        answer = Client().post(path, body, content_type="application/json", headers=headers)
        if answer.status_code != 201:
            raise RuntimeError(f"{answer.status_code}: {answer.content[:500].decode()}")
        return answer.json()

    def given(self) -> dict[str, Any]:
        return {
            "agent": str(self.agent.pk),
            "action_type": self.action_type.pk,
            "policy": self.policy.digest,
            "reviewer": self.reviewer.pk,
        }


def _quiet(_line: str) -> None:
    pass
