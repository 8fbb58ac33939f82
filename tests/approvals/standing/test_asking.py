"""Standing approvals asked for wrongly, moved too late, and listed in pages."""

from __future__ import annotations

import html
from typing import Any
from uuid import uuid4

import pytest

from approvals.standing import api as standing_api
from approvals.standing import views
from audit.models import Event
from governance.models import StandingApproval
from governance.trust import standing
from tests.approvals.desk.test_views import browser
from tests.approvals.standing.test_standing import ALIKE, approved, draft
from tests.conftest import actor_of
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

__all__ = ["approved"]
LIST = "/governance/standing/"


def body(approved: Any, **changes: Any) -> dict[str, Any]:
    return {"proposal": str(approved.pk), "arguments": {n: b.said() for n, b in ALIKE.items()}, **changes}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"proposal": None}, "/proposal"),
        ({"proposal": "nonsense"}, "/proposal"),
        ({"proposal": str(uuid4())}, "/proposal"),
        ({"arguments": None}, "/arguments"),
        ({"arguments": []}, "/arguments"),
        ({"arguments": {}}, "/arguments/amount"),
        ({"arguments": {"order_id": {"prefix": ""}, "amount": {"any": True}}}, "/arguments/order_id/prefix"),
        ({"any_subject": "perhaps"}, "/any_subject"),
        ({"lasts": "0s"}, "/lasts"),
        ({"lasts": -1}, "/lasts"),
        ({"lasts": "91d"}, "/lasts"),
        ({"uses": 0}, "/uses"),
        ({"uses": 1_001}, "/uses"),
        ({"uses": 1.5}, "/uses"),
        ({"uses": True}, "/uses"),
        ({"note": "x" * 301}, "/note"),
        ({"status": "active"}, "/status"),
    ],
)
def test_a_draft_that_is_none_is_named_and_not_made(
    approved: Any, ana: Any, api_as: Any, changes: dict[str, Any], pointer: str
) -> None:
    answer = api_as(ana).post("standing-approvals/", body(approved, **changes))

    assert answer.status_code == 422
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert any(found.startswith(pointer) for found in pointers), pointers
    assert not StandingApproval.objects.exists()
    assert not Event.objects.filter(type="standing_approval.drafted").exists()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("?status=active", 200),
        ("?agent=nobody", 200),
        ("?status=over", 422),
        ("?status=", 200),
        ("?state=ended", 422),
        ("?cursor=x", 422),
        ("?cursor=٣", 422),
    ],
)
def test_what_is_listed_over_the_api(approved: Any, ana: Any, api_as: Any, query: str, status: int) -> None:
    draft(approved, ana)
    answer = api_as(ana).get(f"standing-approvals/{query}")
    assert answer.status_code == status
    if status == 200:
        expected = 0 if "active" in query or "nobody" in query else 1
        assert len(answer.json()["standing_approvals"]) == expected


def test_the_pages_hold_each_once_the_newest_first(
    approved: Any, ana: Any, api_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_api, "PAGE", 2)
    monkeypatch.setattr(views, "PAGE", 2)
    made = sorted((str(draft(approved, ana).pk) for _ in range(5)), reverse=True)

    over_the_api, cursor = [], ""
    for _ in range(3):
        found = api_as(ana).get(f"standing-approvals/?cursor={cursor}").json()
        over_the_api += [one["id"] for one in found["standing_approvals"]]
        cursor = found["next"]
    pages = [browser(ana).get(f"{LIST}?after={after}").content.decode() for after in ("", made[1], made[3])]

    assert (over_the_api, cursor) == (made, None)
    assert [[one in page for one in made] for page in pages] == [
        [True, True, False, False, False],
        [False, False, True, True, False],
        [False, False, False, False, True],
    ]


@pytest.mark.parametrize("after", ["x", "٣", "-1", "'"])
def test_a_place_that_is_none_is_the_first_page(approved: Any, ana: Any, after: str) -> None:
    one = draft(approved, ana)
    answer = browser(ana).get(LIST, {"after": after})
    assert (answer.status_code, str(one.pk) in answer.content.decode()) == (200, True)


# --- Too late -----------------------------------------------------------------------------------------


def activated(one: StandingApproval, ana: Any, ben: Any) -> None:
    standing.activate(one.pk, by=ben, actor=actor_of(ben))


def revoked(one: StandingApproval, ana: Any, ben: Any) -> None:
    standing.revoke(one.pk, by=ana, actor=actor_of(ana))


def ended(one: StandingApproval, ana: Any, ben: Any) -> None:
    StandingApproval.objects.update(status="ended", ended_at="2026-01-01T00:00Z")


def drafted_by_ben(one: StandingApproval, ana: Any, ben: Any) -> None:
    StandingApproval.objects.update(drafted_by=ben)


@pytest.mark.parametrize(
    ("meanwhile", "verb", "status"),
    [
        (activated, "activate", 409),
        (revoked, "activate", 409),
        (ended, "activate", 409),
        (drafted_by_ben, "activate", 403),
        (revoked, "revoke", 409),
        (ended, "revoke", 409),
    ],
)
def test_who_moves_it_too_late_is_told_and_moves_nothing(
    approved: Any, ana: Any, ben: Any, api_as: Any, meanwhile: Any, verb: str, status: int
) -> None:
    one = draft(approved, ana)
    client, api = browser(ben), api_as(ben)
    meanwhile(one, ana, ben)
    before = StandingApproval.objects.values().get(), Event.objects.count()

    page = client.post(f"{LIST}{one.pk}/{verb}/", follow=True)
    answer = api.post(f"standing-approvals/{one.pk}/{verb}/")

    assert (page.redirect_chain, answer.status_code) == ([(LIST, 302)], status)
    assert answer.json()["detail"] in html.unescape(page.content.decode())
    assert StandingApproval.objects.values().get() == before[0]
    assert Event.objects.exclude(type="request.refused").count() == before[1]


@pytest.mark.parametrize("verb", ["activate", "revoke"])
def test_what_is_none_is_not_there(approved: Any, ana: Any, api_as: Any, verb: str) -> None:
    for unknown in (uuid4(), approved.pk):
        assert browser(ana).post(f"{LIST}{unknown}/{verb}/").status_code == 404
        assert api_as(ana).post(f"standing-approvals/{unknown}/{verb}/").status_code == 404


def test_who_left_the_team_neither_activates_nor_revokes(
    approved: Any, ana: Any, ben: Any, api_as: Any
) -> None:
    one = draft(approved, ana)
    ben.teams.clear()
    for verb in ("activate", "revoke"):
        assert browser(ben).post(f"{LIST}{one.pk}/{verb}/").status_code == 404
        assert api_as(ben).post(f"standing-approvals/{one.pk}/{verb}/").status_code == 404
    assert StandingApproval.objects.get().status == "draft"
