"""That every kind of route that a workflow can name is called, and answers to the same questions."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from execution.routes import dispatch
from execution.routes.result import How, Result
from governance.actions.route_kinds import KINDS, Route, RouteModel

ALL: tuple[type[RouteModel], ...] = get_args(get_args(Route)[0])
HOW = How("true", {}, timeout=1, began=0, may_send=lambda: True, repeatable=False)


def test_the_kinds_are_those_of_the_union() -> None:
    assert [kind.model_fields["kind"].annotation for kind in ALL]
    assert {get_args(kind.model_fields["kind"].annotation)[0] for kind in ALL} == set(KINDS)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_what_a_worker_calls_has_its_row_and_the_rest_has_none(kind: type[RouteModel]) -> None:
    assert (kind in dispatch._KINDS) == kind.is_called


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_kind_says_whether_asking_twice_acts_once_and_what_is_built_from_arguments(
    kind: type[RouteModel],
) -> None:
    route: Any = kind.model_validate(
        {"kind": "http", "url": "https://shop.example/{id}"} if kind.is_called else {"kind": "handback"}
    )
    assert route.idempotent is False
    assert [name for name, _ in route.templates()] == (["url"] if kind.is_called else [])
    assert str(route)


def test_a_route_is_taken_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    [called] = [kind for kind in ALL if kind.is_called]
    route = called.model_validate({"kind": "http", "url": "https://shop.example/x"})
    told = []
    monkeypatch.setattr(
        "execution.routes.http.call", lambda *asked: told.append(asked) or Result("succeeded")
    )

    assert dispatch.call(route, {"args": {}}, HOW) == Result("succeeded")
    assert told == [(route, {"args": {}}, HOW)]
