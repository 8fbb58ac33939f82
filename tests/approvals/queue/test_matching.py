"""Which new rows belong to a list that is filtered: the list itself is the measure."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from approvals.beside import claims
from approvals.deciding import decide
from approvals.queue import read
from approvals.queue.filters import Filters
from governance.models import Team
from suggestions.models import Proposal
from tests.approvals.desk.test_views import browser
from tests.conftest import actor_of, suggestion_body

FILTERS = [
    {},
    {"team": "operations"},
    {"team": "finance"},
    {"team": "nobody"},
    {"risk": "critical"},
    {"risk": "huge"},
    {"action": "refund_payment"},
    {"action": "send_money"},
    {"agent": "support-bot"},
    {"agent": "other-bot"},
    {"mine": "1"},
    {"soon": "1"},
    {"one_more": "1"},
    {"q": "kettle"},
    {"q": "KETTLE refund"},
    {"q": "support-bot"},
    {"q": "!!"},
    {"q": "toaster", "risk": "critical"},
]


@pytest.fixture
def several(propose: Any, ana: Any) -> list[Proposal]:
    found = [
        propose(title="Refund a kettle"),
        propose(title="Refund a toaster", suggestions=[suggestion_body(risk={"level": "critical"})]),
        propose(title="Refund both"),
    ]
    claims.claim(found[2].pk, user=ana, actor=actor_of(ana))
    return found


@pytest.mark.parametrize(
    "asked", FILTERS, ids=lambda asked: "&".join(f"{k}={v}" for k, v in asked.items()) or "all"
)
def test_what_matches_is_what_the_list_has(several: list[Proposal], ana: Any, asked: dict[str, str]) -> None:
    filters = Filters.read(asked)
    listed = read.page(["operations"], filters, me=ana.pk).ids

    found = read.matching(["operations"], filters, [one.pk for one in several], me=ana.pk)

    assert sorted(found) == sorted(listed)


def test_only_what_is_asked_about_is_answered(several: list[Proposal], ana: Any) -> None:
    first, *_ = several
    assert read.matching(["operations"], Filters(), [first.pk, uuid4()], me=ana.pk) == [first.pk]
    assert read.matching(["operations"], Filters(), [], me=ana.pk) == []


def test_an_id_that_is_sought_is_one_row(several: list[Proposal], ana: Any) -> None:
    filters = Filters(q=str(several[1].pk))
    assert read.matching(["operations"], filters, [one.pk for one in several], me=ana.pk) == [several[1].pk]


def test_what_is_decided_and_what_others_are_asked_belongs_to_no_list(
    several: list[Proposal], ana: Any
) -> None:
    ids = [one.pk for one in several]
    decide.reject(ids[0], reviewer=ana, actor=actor_of(ana), reason="no")
    Team.objects.create(slug="finance", name="Finance")
    Proposal.objects.filter(pk=ids[1]).update(team="finance")

    assert read.matching(["operations"], Filters(), ids, me=ana.pk) == [ids[2]]


def test_a_page_asks_with_its_filters_in_the_address(several: list[Proposal], ana: Any) -> None:
    ids = "&".join(f"id={one.pk}" for one in several)
    answer = browser(ana).get(f"/queue/matching/?risk=critical&{ids}&id=nonsense")

    assert answer.status_code == 200
    assert answer.json() == {"ids": [str(several[1].pk)]}
    assert browser(ana).get("/queue/matching/").json() == {"ids": []}
    assert browser(ana).post("/queue/matching/").status_code == 405


def test_of_very_many_the_first_are_answered(several: list[Proposal], ana: Any) -> None:
    many = "&".join(f"id={uuid4()}" for _ in range(200))
    answer = browser(ana).get(f"/queue/matching/?{many}&id={several[0].pk}")
    assert answer.json() == {"ids": []}
