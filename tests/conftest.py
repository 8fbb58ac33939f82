"""Real PostgreSQL and Valkey for every test, and the people and agents that tests are about.

`ana` and `ben` review for the team `operations`, `cyd` for `finance`: what `cyd` sees of
`operations` is a leak. `dora` audits, `olga` operates and owns the agent, `pia` operates too.
"""

from __future__ import annotations

import gc
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client, TransactionTestCase
from django.test import client as test_client

from tests import contract, database
from tests.ground import REFUND, put_in_force

SERVICES = pytest.StashKey[Any]()
HERE = Path(__file__).parent


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start PostgreSQL and Valkey of the tests, in the one process that outlives all others."""
    from reviewapp import embedded
    from tests.settings import OWNER_PASSWORD, SUPERUSER_PASSWORD

    known = embedded.Privileged(owner=OWNER_PASSWORD, superuser=SUPERUSER_PASSWORD)
    session.config.stash[SERVICES] = embedded.start(
        Path(settings.VAR_DIR), say=lambda _: None, privileged=known
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if SERVICES in session.config.stash:
        session.config.stash[SERVICES].stop()


LONGEST = (
    "faults/test_harness",
    *("browser/test_hostile", "browser/", "bench/", "reviewapp/processes/test_up", "reviewapp/web/test_"),
    *("test_example_policies", "scripts/", "reviewapp/", "execution/running/", "demo/", "test_replay"),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process is left with it at the end."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    path = item.path.relative_to(HERE).as_posix()
    return next((turn for turn, longest in enumerate(LONGEST) if path.startswith(longest)), len(LONGEST))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end, so that no garbage collection looks through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session")
def services(request: pytest.FixtureRequest) -> Any:
    """The running PostgreSQL and Valkey of the tests."""
    return request.config.stash[SERVICES]


@pytest.fixture(scope="session")
def django_db_setup(services: Any, django_db_blocker: Any) -> Iterator[None]:
    """A database of this process's own, owned by the owner; tests connect as the application's role."""
    _empty_valkey()
    with django_db_blocker.unblock():
        database.fresh_copy(services.superuser_url)
    TransactionTestCase._fixture_teardown = lambda _: database.empty(services.superuser_url)  # type: ignore[method-assign]
    yield
    with django_db_blocker.unblock():
        connections.close_all()


def _empty_valkey() -> None:
    import redis

    with redis.Redis.from_url(settings.VALKEY_URL) as client:
        client.flushdb()


@pytest.fixture(autouse=True)
def _broker_of_long_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else messages would count as lost that were sent before it started, which is not long ago."""
    monkeypatch.setattr("audit.outbox.broker.age", lambda: None)


_FORGET = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end"


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    """What a process keeps ready is of the test before, and so is what waits or is counted in Valkey."""
    from audit.ground import valkey
    from execution.routes import oauth2
    from governance.actions import catalogue
    from governance.door import strangers
    from governance.policies import policy
    from governance.secrets import vault
    from reviewapp.processes import queues

    yield
    valkey.ask("EVAL", _FORGET, 0, f"{settings.VALKEY_PREFIX}:refused*")
    valkey.ask("DEL", *(f"{settings.VALKEY_PREFIX}:{queue}" for queue in queues.ORDER))  # no worker is there
    strangers._shut.clear()
    catalogue._catalogue.newest = -1
    policy.ready.cache_clear()
    vault.forget()
    oauth2.forget()


# --- People ---------------------------------------------------------------------------------


def make_person(name: str, role: str, team: str = "operations") -> Any:
    from django.contrib.auth.models import Group

    from governance.models import Team, User

    user = User.objects.create_user(
        name, password=f"{name}-has-a-long-password", first_name=name.capitalize()
    )
    user.groups.add(Group.objects.get(name=role))
    if role == "reviewer":
        user.teams.add(Team.objects.get_or_create(slug=team, defaults={"name": team.capitalize()})[0])
    return user


@pytest.fixture
def ana(db: None) -> Any:
    return make_person("ana", "reviewer")


@pytest.fixture
def ben(db: None) -> Any:
    return make_person("ben", "reviewer")


@pytest.fixture
def cyd(db: None) -> Any:
    return make_person("cyd", "reviewer", team="finance")


@pytest.fixture
def dora(db: None) -> Any:
    return make_person("dora", "auditor")


@pytest.fixture
def olga(db: None) -> Any:
    return make_person("olga", "operator")


@pytest.fixture
def pia(db: None) -> Any:
    return make_person("pia", "operator")


# --- Agents and what they propose -----------------------------------------------------------


@pytest.fixture
def action_type(db: None) -> Any:
    """`refund_payment`, without a workflow: tests that execute give it one."""
    return make_action_type()


def make_action_type() -> Any:
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register

    return register(REFUND, actor=SYSTEM)[0]


@pytest.fixture
def agent(olga: Any) -> Any:
    return make_agent(owner=olga)


def make_agent(*, owner: Any) -> Any:
    from governance.models import Agent

    return Agent.objects.create(name="support-bot", owner=owner)


@pytest.fixture
def agent_key(agent: Any) -> str:
    from audit.ground.actors import SYSTEM
    from governance.door.keys import issue_key

    return issue_key(agent, actor=SYSTEM)


def approved(version: Any) -> Any:
    """The same version of a policy, approved by a second person after a backtest."""
    from audit.ground.actors import SYSTEM
    from governance.models import User
    from governance.policies import lifecycle

    name = "approves-policies"
    second = User.objects.filter(username=name).first() or make_person(name, "operator")
    lifecycle.mark_validated(version, {"proposals": 0}, actor=SYSTEM)
    return lifecycle.approve(version, by=second)


def in_force(text: str) -> Any:
    """Put a policy in force by its whole life cycle; the teams it names exist and can decide.

    A version that has been in force before is activated again; the active one stays.
    """
    from governance.models import Team, User
    from governance.policies.deciders import sendings_of
    from governance.policies.policy import parse

    for team in {sending.team for sending in sendings_of(parse(text))}:
        Team.objects.get_or_create(slug=team, defaults={"name": team.capitalize()})
        if not User.objects.filter(teams=team, groups__name="reviewer").exists():
            make_person(f"decides-for-{team}", "reviewer", team=team)
    author, second = (
        User.objects.filter(username=name).first() or make_person(name, "operator")
        for name in ("writes-policies", "approves-policies")
    )
    return put_in_force(text, author=author, second=second)


DEPLOYED = {"deployment": "support-bot@1"}


@pytest.fixture
def trusted(agent: Any, ana: Any) -> Any:
    """The agent as it may let refunds pass: at stage 4, from its active deployment (`DEPLOYED`)."""
    from governance.models import Autonomy, Deployment

    Autonomy.objects.create(agent=agent, action="refund_payment", stage=Autonomy.Stage.STRATEGIC)
    Deployment.objects.create(
        agent=agent,
        label=DEPLOYED["deployment"],
        status="active",
        model="model-1",
        registered_by=agent.owner,
        approved_by=ana,
    )
    return agent


def proposal_body(**changes: Any) -> dict[str, Any]:
    """A proposal as an agent sends it; `changes` replace members at the top."""
    return {
        "title": "Refund for a broken kettle",
        "summary": "The kettle arrived broken.",
        "subject": {"type": "customer", "id": "customer-19122"},
        "context": {"messages": [{"role": "user", "content": "My kettle from order #W1 arrived broken."}]},
        "suggestions": [suggestion_body()],
        **changes,
    }


def suggestion_body(**changes: Any) -> dict[str, Any]:
    return {
        "rank": 1,
        "action": "refund_payment",
        "arguments": {"order_id": "#W1", "amount": 54.04},
        "confidence": 0.86,
        "success_probability": 0.93,
        "explanation": "It arrived broken.",
        **changes,
    }


@pytest.fixture
def propose(agent: Any, action_type: Any) -> Callable[..., Any]:
    """`propose(**changes)` hands in a proposal through the verbs and returns it from the database."""
    return proposing(agent)


def proposing(agent: Any) -> Callable[..., Any]:
    from audit.asking.bodies import check
    from governance.door.authentication import caller_of
    from suggestions.intake.bodies import ProposalBody
    from suggestions.intake.prepare import prepare
    from suggestions.intake.submit import submit
    from suggestions.models import Proposal

    def hand_in(by: Any = agent, key: str = "", **changes: Any) -> Any:
        body = check(ProposalBody, proposal_body(**changes))
        caller = caller_of(by)
        prepared = prepare(caller, body, key=key or uuid.uuid4().hex, body_digest="sha256:" + "0" * 64)
        [submitted] = submit(by, [prepared])
        return Proposal.objects.get(pk=submitted.proposal.pk)

    return hand_in


@pytest.fixture
def proposal(propose: Callable[..., Any]) -> Any:
    return propose()


# --- Clients --------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="session")
def _as_served() -> Iterator[None]:
    """Django's test client goes through the gate and the short way of the API, as every request does.

    One chain of middlewares answers all clients, as in a server: to make it takes as long as to answer a
    few requests. It is made anew when a setting was changed.
    What the API answers, to them and over sockets, is held against its document.
    """
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.signals import setting_changed

    from reviewapp.web import incoming
    from reviewapp.web.handler import Handler

    made: dict[str, Any] = {}

    class Gated(test_client.ClientHandler, Handler):  # type: ignore[misc]
        def __init__(self, enforce_csrf_checks: bool = True) -> None:
            self.enforce_csrf_checks = enforce_csrf_checks

        def __call__(self, environ: dict[str, Any]) -> Any:
            refused = incoming.look(environ)
            return super().__call__(incoming.without_what_is_wrong(environ, refused))

        def load_middleware(self, is_async: bool = False) -> None:
            if not made:
                super().load_middleware(is_async)
                made.update(vars(self))
            vars(self).update({**made, "enforce_csrf_checks": self.enforce_csrf_checks})

    def held(self: Any, request: Any) -> Any:
        response = WSGIHandler.get_response(self, request)
        contract.check(request, response)
        return response

    def begin_anew(**_: Any) -> None:
        made.clear()

    setting_changed.connect(begin_anew)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.test.client.ClientHandler", Gated)
        patch.setattr(Handler, "get_response", held, raising=False)
        yield


class ApiClient:
    """Talks JSON to the API with one key."""

    def __init__(self, key: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1/{path}", headers={**self.headers, **headers})

    def post(self, path: str, body: Any = None, **how: Any) -> Any:
        return self._send(self.client.post, path, body, **how)

    def put(self, path: str, body: Any = None, **how: Any) -> Any:
        return self._send(self.client.put, path, body, **how)

    def delete(self, path: str, body: Any = None, **how: Any) -> Any:
        return self._send(self.client.delete, path, body, **how)

    def _send(self, send: Any, path: str, body: Any, *, raw: bytes | None = None, **headers: str) -> Any:
        return send(
            f"/api/v1/{path}",
            data=raw if raw is not None else body,
            content_type=headers.pop("content_type", "application/json"),
            headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}},
        )

    def submit(self, body: dict[str, Any] | None = None, key: str = "") -> Any:
        return self.post("proposals/", body or proposal_body(), Idempotency_Key=key or uuid.uuid4().hex)


@pytest.fixture
def api(agent_key: str) -> ApiClient:
    """The API as the agent `support-bot` sees it."""
    return ApiClient(agent_key)


@pytest.fixture
def api_as() -> Callable[[Any], ApiClient]:
    """The API as a person's program sees it."""
    from audit.ground.actors import SYSTEM
    from governance.door.keys import issue_token

    return lambda user: ApiClient(issue_token(user, actor=SYSTEM))


def actor_of(user: Any) -> Any:
    return user.as_actor(session="test", authenticated_by="password")
