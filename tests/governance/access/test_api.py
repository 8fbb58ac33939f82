"""Who has what over the API."""

from __future__ import annotations

from typing import Any

import pytest

from audit.ground.actors import SYSTEM
from governance.access import api
from governance.door import keys
from governance.models import AgentKey
from tests.conftest import ApiClient, actor_of, make_person
from tests.queries import last_of_twelve

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(dora: Any) -> ApiClient:
    return ApiClient(keys.issue_token(dora, actor=SYSTEM))


def test_a_grant_is_told_with_all_that_is_known_of_it(program: ApiClient, olga: Any, agent: Any) -> None:
    keys.issue_key(agent, actor=actor_of(olga), name="production")
    key = AgentKey.objects.get()
    answer = program.get("access/?kind=key")
    assert answer.json() == {
        "grants": [
            {
                "holder": "support-bot",
                "name": "support-bot",
                "kind": "key",
                "target": str(key.pk),
                "what": f"{key.prefix}…, for production",
                "since": key.created_at.isoformat(),
                "given_by": "Olga",
                "last_used_at": None,
                "unused": False,
                "second_factor": None,
            }
        ],
        "next": None,
    }


def test_pages_follow_one_another(program: ApiClient, ana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = program.get("access/").json()
    monkeypatch.setattr(api, "PAGE", 2)
    found, cursor = [], ""
    while cursor is not None:
        page = program.get(f"access/?cursor={cursor}").json()
        found += page["grants"]
        cursor = page["next"]
    assert [(row["holder"], row["kind"]) for row in found] == [
        *(("ana", kind) for kind in ("account", "role", "team")),
        *(("dora", kind) for kind in ("account", "role", "token")),
    ]
    assert len(whole["grants"]) == 6


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("kind=crown", "?kind"), ("unused=no", "?unused"), ("cursor=x", "?cursor"), ("who=ana", "?who")],
)
def test_what_makes_no_sense_is_refused_by_name(program: ApiClient, query: str, pointer: str) -> None:
    answer = program.get(f"access/?{query}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_twelve_people_take_as_many_queries_as_one(program: ApiClient) -> None:
    answer = last_of_twelve(lambda: program.get("access/"), lambda n: make_person(f"person-{n}", "reviewer"))
    assert "person-11" in answer.content.decode()
