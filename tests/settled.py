"""The people, the agent and its action type of `tests.conftest`, made once for all tests of a file.

A file of many small tests takes them by `from tests.settled import *`. Each test works on copies, and what
it does in the database is taken back. It is of no use to tests that need transactions of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.conftest import make_action_type, make_agent, make_person
from tests.database import taken_back

__all__ = ["action_type", "agent", "ana", "ben", "cyd", "db", "dora", "olga", "pia", "settled"]
REVIEWERS = {"ana": "operations", "ben": "operations", "cyd": "finance"}
OTHERS = {"dora": "auditor", "olga": "operator", "pia": "operator"}


@pytest.fixture(scope="module")
def settled(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """Everybody by their name, and `agent` and `action_type`."""
    with django_db_blocker.unblock(), taken_back():
        made = {name: make_person(name, "reviewer", team=team) for name, team in REVIEWERS.items()}
        made |= {name: make_person(name, role) for name, role in OTHERS.items()}
        made["agent"] = make_agent(owner=made["olga"])
        made["action_type"] = make_action_type()
        yield made


@pytest.fixture
def db(settled: dict[str, Any]) -> Iterator[None]:
    """Whatever happens in the database is taken back after the test."""
    with taken_back():
        yield


def _one(name: str) -> Any:
    @pytest.fixture(name=name)
    def copy(settled: dict[str, Any], db: None) -> Any:
        return deepcopy(settled[name])

    return copy


ana, ben, cyd, dora, olga, pia = map(_one, [*REVIEWERS, *OTHERS])
agent, action_type = map(_one, ("agent", "action_type"))
