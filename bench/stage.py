"""A small installation of the bench's own: services, people, an agent, a policy, the product's processes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from bench.given import policy, proposal, refund
from bench.processes import Running, cpu_of, family
from tests.ground import put_in_force

NOT_OURS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "VALKEY_URL",
    "CELERY_BROKER_URL",
    "SECRET_KEY",
    "PUBLIC_URL",
)
EMPTIED = ("suggestions_", "execution_", "approvals_", "audit_event")
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


STAY = ("web", "api")  # in miniature; they do nothing unless somebody asks


class Stage:
    """Use it as a context. Everything in it is made by the product's own verbs.

    Each measure has servers of its own, which know nothing of the measure before. In miniature they
    `stay` for the next one: to start them takes longer than all that is measured.
    """

    def __init__(self, var: Path, *, stay: bool = False) -> None:
        self.var = var
        self.downstream_port = 0
        self.stay = stay
        self.staying: dict[str, Running] = {}
        self.ends = contextlib.ExitStack()

    def __enter__(self) -> Stage:
        self._environment()
        from reviewapp import embedded
        from reviewapp.embedded.credentials import free_port

        # Whoever runs the services already knows these.
        owner, superuser = (
            os.environ.get(f"BENCH_{role}_PASSWORD") or secrets.token_urlsafe(24)
            for role in ("OWNER", "SUPERUSER")
        )
        privileged = embedded.Privileged(owner, superuser)
        self.services = embedded.start(self.var, say=_quiet, privileged=privileged)
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

        self._end_who_stays()
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

    def hand_in(self, order: str = "#W2378156") -> dict[str, Any]:
        """A proposal by the product's API, asked in this process; returns what it answered."""
        return self.post("/api/v1/proposals/", proposal(order), self.key)

    def get(self, path: str, key: str = "", **headers: str) -> bytes:
        """What the application answers in this process to a key, or to the reviewer's session without one."""
        from django.test import Client

        shown = {"Authorization": f"Bearer {key}"} if key else {"Cookie": self.session()}
        answer = Client().get(path, headers={"Host": "localhost", **shown, **headers})
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

    # --- Tables -----------------------------------------------------------------------------

    def owner(self) -> psycopg.Connection:
        return psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True)

    def application(self) -> psycopg.Connection:
        return psycopg.connect(os.environ["DATABASE_URL"])

    def empty(self) -> None:
        """No proposals, no events, no messages about them. Only the owner of a throw-away log can do this."""
        from reviewapp.celery import app

        app.control.purge()
        with self.owner() as connection:
            rows = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            tables = [name for (name,) in rows if name.startswith(EMPTIED)]
            connection.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
            connection.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")

    @contextlib.contextmanager
    def copy(self, name: str) -> Iterator[None]:
        """A second database that is now as the first one is. Nobody may be connected to that."""
        from django.db import connections

        self._end_who_stays()
        connections.close_all()
        first, second = sql.Identifier(_database_in(os.environ["DATABASE_URL"])), sql.Identifier(name)
        owner = sql.Identifier(str(urlsplit(os.environ["DATABASE_OWNER_URL"]).username))
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(second)
        with psycopg.connect(self.services.superuser_url, dbname="postgres", autocommit=True) as connection:
            connection.execute(drop)
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(second, first, owner)
            connection.execute(create)
            try:
                yield
            finally:
                connection.execute(drop)

    def durability(self) -> dict[str, str]:
        """What the figures rest on. Raises where somebody made the database forgetful."""
        with self.owner() as connection:
            found = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in DURABLE}  # type: ignore[index]
            found["server_version"] = connection.execute("SHOW server_version").fetchone()[0]  # type: ignore[index]
        if any(found[name] != wanted for name, wanted in DURABLE.items()):
            raise RuntimeError(f"The database is not durable: {found}")
        return found

    def database_cpu(self) -> float:
        """Seconds of CPU that PostgreSQL has used since it started."""
        return cpu_of(family(self._postmaster()))

    def ours(self) -> list[int]:
        """The heads of the families of processes that the bench is; others may have started its services."""
        return [os.getpid(), self._postmaster(), self._valkey()]

    def _postmaster(self) -> int:
        file = self.services.postgres.home.postgres / "postmaster.pid"
        return int(file.read_text().split()[0])

    def _valkey(self) -> int:
        with self.valkey() as valkey:
            return int(valkey.info("server")["process_id"])

    def valkey(self) -> redis.Redis:
        """Use it as a context."""
        from django.conf import settings

        return redis.Redis.from_url(settings.VALKEY_URL)

    # --- Processes --------------------------------------------------------------------------

    @contextlib.contextmanager
    def process(self, name: str, *, database: str = "") -> Iterator[Running]:
        """One of the product's processes, as `up` would start it; on another database of ours, if need be."""
        if not self.stay or name not in STAY or database:
            with self._started(name, database) as running:
                yield running
            return
        if name not in self.staying:
            self.staying[name] = self.ends.enter_context(self._started(name))
        yield self.staying[name]

    def _end_who_stays(self) -> None:
        self.ends.close()
        self.staying.clear()

    @contextlib.contextmanager
    def _started(self, name: str, database: str = "") -> Iterator[Running]:
        from reviewapp.embedded.credentials import free_port
        from reviewapp.processes import children

        port = free_port()
        environment = children.environment(name, port=port, metrics=self.var / "metrics" / name)
        if database:
            address = urlsplit(environment["DATABASE_URL"])._replace(path=f"/{database}")
            environment["DATABASE_URL"] = urlunsplit(address)
        with self._running(name, children.COMMANDS[name]("127.0.0.1", port), environment, port) as running:
            if name in ("web", "api"):
                running.wait_until_it_answers()
            yield running

    @contextlib.contextmanager
    def bare(self) -> Iterator[Running]:
        """The limits of the API, on the same server and as many processes."""
        from reviewapp.embedded.credentials import free_port

        port = free_port()
        given = {
            "agent": str(self.agent.pk),
            "action_type": self.action_type.pk,
            "policy": self.policy.digest,
            "reviewer": self.reviewer.pk,
        }
        command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--no-access-log"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--workers", _web_processes()]
        command += ["bench.bare:application"]
        environment = {**os.environ, "BARE_GIVEN": json.dumps(given)}
        with self._running("bare", command, environment, port) as running:
            running.wait_until_it_answers()
            yield running

    @contextlib.contextmanager
    def own(self, name: str, command: Sequence[str], port: int = 0) -> Iterator[Running]:
        """A process of the bench."""
        with self._running(name, [sys.executable, *command], dict(os.environ), port) as running:
            if port:
                running.wait_until_it_answers()
            yield running

    @contextlib.contextmanager
    def _running(
        self, name: str, command: Sequence[str | Path], environment: dict[str, str], port: int
    ) -> Iterator[Running]:
        logs = self.var / "log"
        logs.mkdir(mode=0o700, exist_ok=True)
        with (logs / f"{name}.log").open("ab") as log:
            running = Running(name, command, environment, port, log)
            try:
                yield running
            finally:
                running.stop()


def _web_processes() -> str:
    from reviewapp.processes import children

    command = children.api("127.0.0.1", 0)
    return command[command.index("--workers") + 1]


def _database_in(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _quiet(_line: str) -> None:
    pass
