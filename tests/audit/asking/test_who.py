"""Who is asking, as the log prints it: a person by session or token, an agent by its key, or nobody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from audit.asking.who import actor_of, methods_of, name_of
from audit.ground.actors import ANONYMOUS, Actor

ANA = SimpleNamespace(
    pk=7,
    is_authenticated=True,
    as_actor=lambda **how: Actor("user", "7", "Ana", **how),
)
BOT = SimpleNamespace(pk=1, is_authenticated=True, as_actor=lambda: Actor("agent", "1", "bot"))
NOBODY = SimpleNamespace(is_authenticated=False)
OWN = "account_authentication_methods_user"
METHODS = "account_authentication_methods"


class Session(dict[str, Any]):
    session_key: str | None = "the-key-of-the-session"


def request(user: Any, *, auth: str = "", **session: Any) -> Any:
    return SimpleNamespace(user=user, auth=auth, session=Session(session))


def proved(*methods: Any, of: Any = 7) -> Session:
    return Session({OWN: of, METHODS: list(methods)})


@pytest.mark.parametrize("user", [None, NOBODY])
def test_who_has_not_signed_in_is_nobody(user: Any) -> None:
    assert actor_of(request(user)) == ANONYMOUS


def test_an_agent_is_itself_and_its_key_is_not_told() -> None:
    assert actor_of(request(BOT, auth="rk_abcdef")) == Actor("agent", "1", "bot")


def test_a_token_is_named_by_how_it_begins() -> None:
    assert actor_of(request(ANA, auth="rt_abcdef")).as_json() == {
        "type": "user",
        "id": "7",
        "name": "Ana",
        "session": "rt_abcdef",
        "authenticated_by": "api_token",
    }


@pytest.mark.parametrize(
    ("methods", "strength"),
    [
        ([], "unknown"),
        ([{"method": "password", "at": 1.0}], "password"),
        (
            [{"method": "mfa", "type": "totp", "at": 2.0}, {"method": "password", "at": 1}],
            "password+totp",
        ),
        ([{"method": "password", "at": 1.0}, {"method": "password", "at": 9.0}], "password"),
    ],
)
def test_a_session_is_told_by_what_it_was_proved(methods: list[Any], strength: str) -> None:
    found = actor_of(request(ANA, **proved(*methods)))
    assert (found.authenticated_by, found.session) == (strength, name_of("the-key-of-the-session"))


def test_no_reader_of_the_log_can_become_that_person() -> None:
    assert "the-key" not in name_of("the-key-of-the-session")
    assert len(name_of("a")) == len(name_of("a" * 1_000)) == 16
    assert name_of("a") != name_of("b")
    assert name_of(None) == name_of("")


@pytest.mark.parametrize(
    "session",
    [
        Session(),
        Session({METHODS: [{"method": "password", "at": 1.0}]}),  # of nobody that is named
        proved({"method": "password", "at": 1.0}, of=8),  # of somebody else
        proved({"method": "password", "at": 1.0}, of=None),
        proved({"method": "password"}),
        proved({"method": "password", "at": "1"}),
        proved({"method": "password", "at": None}),
        proved({"at": 1.0}),
        proved({"method": "", "at": 1.0}),
        proved({"method": "mfa", "at": 1.0}),  # a second factor of no kind counts for none
        Session({OWN: 7, METHODS: None}),
    ],
)
def test_what_was_proved_for_somebody_else_or_at_no_time_counts_for_nothing(session: Session) -> None:
    assert methods_of(session, ANA) == []


def test_each_proof_is_told_with_its_time() -> None:
    session = proved(
        {"method": "password", "at": 5},
        {"method": "mfa", "type": "webauthn", "at": 7.5},
        of="7",
    )
    assert methods_of(session, ANA) == [("password", 5.0), ("webauthn", 7.5)]


@pytest.mark.parametrize(
    ("actor", "body"),
    [
        (Actor("user", "7", "Ana"), {"type": "user", "id": "7", "name": "Ana"}),
        (
            Actor("user", "7", "Ana", session="s"),
            {"type": "user", "id": "7", "name": "Ana", "session": "s"},
        ),
        (ANONYMOUS, {"type": "anonymous", "id": "anonymous", "name": "Not signed in"}),
    ],
)
def test_an_actor_says_what_is_known_and_no_more(actor: Actor, body: dict[str, str]) -> None:
    assert actor.as_json() == body
