"""Looks that are asked for those who decide: bounded, cached, by one of however many."""

from __future__ import annotations

import time
from typing import Any

import pytest

from execution.looking import looks
from execution.looking.looks import look_at
from execution.models import Look
from governance.actions.action_types import register
from tests.conftest import suggestion_body
from tests.execution.looking.conftest import ORDER, looking

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(shop: Any, order: Any, propose: Any, known: Any) -> Any:
    """`asked(plan)` looks at a proposal whose workflow is this one, and gives the look."""

    def ask(plan: Any = None, **changes: Any) -> Look:
        from audit.ground.actors import SYSTEM
        from tests.conftest import REFUND

        register({**REFUND, "workflow": plan or looking(shop)}, actor=SYSTEM)
        proposal = propose(**{**known, **changes})
        look_at(proposal.pk)
        return Look.objects.filter(proposal=proposal).latest("asked_at")

    return ask


def test_what_is_kept_of_an_answer(shop: Any, asked: Any) -> None:
    look = asked()
    assert (look.known, look.status, look.answer) == (True, 200, {"refundable": 54.04, "owner": "Ida"})
    assert look.shown == [["Owner", "Ida"], ["Refundable", 54.04]]
    assert (look.says, look.occasion, look.error) == ("the shop", "opened", "")
    assert look.digest.startswith("sha256:")
    assert look.facts["json"] == look.answer


def test_an_answer_counts_for_a_while(shop: Any, asked: Any) -> None:
    look = asked()
    assert look_at(look.proposal_id) == 0
    Look.objects.update(at="2020-01-01T00:00:00Z")
    assert look_at(look.proposal_id) == 1
    assert len(shop.asked(ORDER)) == 2
    assert [one.pk != look.pk for one in looks.newest(look.proposal_id)] == [True]


def test_one_of_several_asks(shop: Any, asked: Any) -> None:
    look = asked()
    Look.objects.update(at=None)
    assert look_at(look.proposal_id) == 0
    Look.objects.update(asked_at="2020-01-01T00:00:00Z")  # whoever asked is gone
    assert look_at(look.proposal_id) == 1


def test_nobody_asks_about_what_is_answered(shop: Any, asked: Any) -> None:
    from suggestions.models import Proposal

    look = asked()
    Look.objects.all().delete()
    Proposal.objects.update(status="withdrawn")
    assert look_at(look.proposal_id) == 0


HOSTILE = {"owner": "\x00‮<script>\ud800", "refundable": "9" * 5_000, "deep": [[[{"a": "\x00"}]]]}


@pytest.mark.parametrize(
    ("answer", "is_known", "error"),
    [
        ((200, HOSTILE, {}), True, ""),
        ((404, {"detail": "There is no such order."}, {}), True, ""),
        ((200, "text", {}), True, ""),
        ((200, {"many": "x" * 70_000}, {}), False, "larger than 64 KB"),
        ((200, list(range(2_000)), {}), True, ""),  # more than expressions look at: read as no JSON
        (503, False, "HTTP 503"),
        ("hang up", False, "No answer"),
    ],
)
def test_whatever_is_answered_is_kept_within_bounds(
    shop: Any, asked: Any, answer: Any, is_known: bool, error: str
) -> None:
    shop.will(ORDER, answer)
    look = asked()
    assert (look.known, error in look.error) == (is_known, True)
    assert len(str(look.shown)) < 5_000
    assert len(look.text) <= 2_000
    assert "\x00" not in str(look.answer) + str(look.shown)


def test_without_labels_the_members_are_shown(shop: Any, asked: Any) -> None:
    plan = looking(shop)
    del plan["look"]["show"]
    shop.will(ORDER, (200, {f"m{n}": n for n in range(30)}, {}))
    assert asked(plan).shown == [[f"m{n}", n] for n in range(20)]


def test_a_dry_run_is_asked_as_well_and_may_use_what_was_seen(shop: Any, asked: Any) -> None:
    route = {"kind": "http", "url": f"{shop.url}/dry", "body": {"to": "=look.json.owner"}}
    shop.will("/dry", (200, {"balance": -54.04}, {}))
    look = asked(looking(shop, preview={"route": route}))
    assert (look.kind, look.shown) == ("preview", [["balance", -54.04]])
    assert [body for _, body in shop.asked("/dry")] == [{"to": "Ida"}]


def test_arguments_that_lead_nowhere_are_an_error(shop: Any, asked: Any) -> None:
    look = asked(suggestions=[suggestion_body(arguments={"order_id": "..", "amount": 1})])
    assert (look.known, look.error[:40]) == (False, "It can't be asked with these arguments: ")
    assert shop.calls == []


def test_nobody_waits_longer_than_the_route_says(shop: Any, asked: Any) -> None:
    plan = looking(shop)
    plan["look"]["route"]["timeout"] = "300ms"
    shop.will(ORDER, "silent")
    began = time.monotonic()
    look = asked(plan)
    assert (look.known, time.monotonic() - began < 5) == (False, True)


def test_what_nobody_decided_on_is_forgotten_after_an_hour(shop: Any, asked: Any, ana: Any) -> None:
    from approvals.models import Decision

    shown, old = asked(), None
    for _ in range(2):
        Look.objects.update(at="2020-01-01T00:00:00Z")
        look_at(shown.proposal_id)
        old = old or Look.objects.exclude(pk=shown.pk).get()
        if Decision.objects.count() == 0:
            Decision.objects.create(
                proposal=shown.proposal, reviewer=ana, verdict="reject", looks=[{"look": str(old.pk)}]
            )
    assert Look.objects.filter(pk=old.pk).exists()
    assert not Look.objects.filter(pk=shown.pk).exists()
