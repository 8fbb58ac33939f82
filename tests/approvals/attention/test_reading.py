"""What the page of a proposal tells besides the proposal: worth, precedents, revisions, who looks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from approvals.attention import looks
from approvals.attention.seen import present
from approvals.beside import claims, comments
from approvals.deciding import decide
from approvals.detail import worth
from approvals.detail.gather import detail_of
from approvals.detail.precedents import precedents
from approvals.models import Decision, Look
from audit.models import Event
from execution.models import Execution
from governance.models import Team
from suggestions.models import Proposal
from tests.approvals.desk.test_views import browser, form_of
from tests.conftest import actor_of, suggestion_body
from tests.queries import same_queries_at

LONG = "word " * 400


def approve(proposal: Any, reviewer: Any, **how: Any) -> Any:
    first = proposal.suggestions.select_related("action_type").order_by("rank").first()
    digest = first.action_digest
    return decide.approve(first, reviewer=reviewer, actor=actor_of(reviewer), shown_digest=digest, **how)


def reject(proposal: Any, reviewer: Any, reason: str = "no evidence") -> Any:
    return decide.reject(proposal.pk, reviewer=reviewer, actor=actor_of(reviewer), reason=reason)


@pytest.fixture
def said(propose: Callable[..., Any]) -> Callable[..., Any]:
    """`said(0.9, n=3)` is a proposal with this stated confidence, about its own order."""
    numbers = iter(range(1_000))

    def of(confidence: float | None, **more: Any) -> Any:
        order = {"order_id": f"#W{next(numbers)}", "amount": 10}
        return propose(suggestions=[suggestion_body(arguments=order, confidence=confidence, **more)])

    return of


# --- Worth ----------------------------------------------------------------------------------------


def test_a_statement_is_worth_what_people_made_of_such_statements(said: Any, ana: Any) -> None:
    for n in range(12):
        if n < 8:
            approve(said(0.9), ana)
        else:
            reject(said(0.88), ana)
    approve(said(0.9), ana, arguments={"order_id": "#W5", "amount": 5})  # edited: not what it said
    approve(said(0.5), ana)  # another height
    said(0.9)  # nobody decided
    Execution.objects.filter(proposal__resolution__user=ana).order_by("id")[:1].get()
    one = Execution.objects.order_by("id").first()
    Execution.objects.filter(pk=one.pk).update(status="failed")

    asked = said(0.92)
    found = worth.records_of(asked.agent_id, ["refund_payment"])["refund_payment"].of_confidence(0.92)

    assert (found.found.count, found.found.of) == (7, 13)
    assert (found.known, found.percent, found.short) == (True, 54, True)
    assert found.bounds == (29, 77)
    [option] = detail_of(asked.pk, reader=ana).suggestions
    assert option.confidence_worth == found


def test_of_few_statements_nothing_is_concluded(said: Any, ana: Any) -> None:
    approve(said(0.9), ana)
    found = worth.records_of(said(0.9).agent_id, ["refund_payment"])["refund_payment"].of_confidence(0.9)
    assert (found.found.of, found.known, found.short) == (1, False, False)
    assert "too few to tell: 1" in browser(ana).get(f"/queue/{said(0.9).pk}/").content.decode()
    assert worth.Record().of_confidence(None) is None


def test_stated_success_is_put_beside_what_executions_came_to(said: Any, ana: Any) -> None:
    for _ in range(4):
        approve(said(0.5), ana)
    Execution.objects.update(status="succeeded")
    last = Execution.objects.order_by("-id").first()
    Execution.objects.filter(pk=last.pk).update(status="needs_attention")

    found = worth.records_of(last.agent_id, ["refund_payment"])["refund_payment"].of_success(0.95)

    assert (found.found.count, found.found.of) == (3, 4)


# --- Precedents -----------------------------------------------------------------------------------


def test_precedents_say_what_was_decided_and_how_it_ended(
    said: Any, propose: Any, ana: Any, ben: Any
) -> None:
    first = said(0.9)
    approve(first, ana)
    Execution.objects.filter(proposal=first).update(status="failed")
    approve(said(0.9), ben, arguments={"order_id": "#W1", "amount": 5})
    reject(said(0.9), ben, "photo did not match")

    found = precedents(said(0.9), ana)

    assert found.told == "2 approved, 1 rejected, 1 edited"
    assert [(one.said, one.ended, one.ended_badly) for one in found.of_action] == [
        ("rejected by Ben", "", False),
        ("approved by Ben, edited", "handed back", False),
        ("approved by Ana", "failed", True),
    ]
    assert [piece.text for piece in found.of_action[0].reason] == ["photo did not match"]
    assert found.of_action[2].url == f"/queue/{first.pk}/"
    assert found.of_subject == []  # the same ones: told once


def test_precedents_are_only_what_the_reader_may_see(said: Any, cyd: Any, ana: Any) -> None:
    approve(said(0.9), ana)
    asked = said(0.9)

    found = precedents(asked, cyd)

    assert (found.told, found.of_action, found.of_subject) == ("", [], [])


def test_what_others_decided_about_the_subject_is_a_precedent(propose: Any, ana: Any, olga: Any) -> None:
    from governance.models import Agent

    other = propose(Agent.objects.create(name="other-bot", owner=olga))
    reject(other, ana)
    found = precedents(propose(), ana)
    assert (found.of_action, [one.url for one in found.of_subject]) == ([], [f"/queue/{other.pk}/"])


# --- Revisions ------------------------------------------------------------------------------------


def test_a_revision_stands_beside_what_it_revises_both_ways(propose: Any, ana: Any, cyd: Any) -> None:
    before = propose()
    decide.give_back(before.pk, reviewer=ana, actor=actor_of(ana), reason="Add a note.")
    less = suggestion_body(arguments={"order_id": "#W1", "amount": 40, "note": "Sorry"})
    after = propose(revises=before.pk, suggestions=[less])

    told = detail_of(after.pk, reader=ana).revised

    assert [link.url for link in told.earlier] == [f"/queue/{before.pk}/"]
    assert ("".join(p.text for p in told.feedback), told.feedback_by) == ("Add a note.", "Ana")
    assert [
        (one.label, *("".join(p.text for c in side for p in c.shown) for side in (one.before, one.now)))
        for one in told.differences
    ] == [("Amount", "54.04", "40"), ("Note to customer", "", "Sorry")]
    earlier = Proposal.objects.get(pk=before.pk)
    assert [link.url for link in detail_of(earlier.pk, reader=ana).revised.later] == [f"/queue/{after.pk}/"]
    with pytest.raises(Proposal.DoesNotExist):
        detail_of(after.pk, reader=cyd)


# --- All of it shown ------------------------------------------------------------------------------


@pytest.fixture
def folded(propose: Any) -> Any:
    return propose(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": 10, "note": LONG})])


def test_what_is_folded_is_not_approved_unless_the_page_says_it_was_shown(folded: Any, ana: Any) -> None:
    client, address = browser(ana), f"/queue/{folded.pk}/approve/"
    for said in ({"shown": ""}, {"shown": "sha256:other"}):
        answer = client.post(address, form_of(folded, **said))
        assert answer.status_code == 409
        assert "Not all of it has been on your screen" in answer.content.decode()
    assert not Decision.objects.exists()
    assert Event.objects.filter(type="decision.refused").count() == 2

    form = form_of(folded)
    assert client.post(address, {**form, "shown": form["action_digest"]}).status_code == 303
    assert Decision.objects.get().reviewer == ana


def test_programs_have_no_screen_and_are_not_asked(folded: Any, ana: Any, api_as: Any) -> None:
    first = folded.suggestions.get()
    body = {"verdict": "approve", "suggestion": str(first.pk), "action_digest": first.action_digest}
    assert api_as(ana).post(f"proposals/{folded.pk}/decisions/", body).status_code in (200, 201)


def test_a_page_says_so_from_the_start_where_nothing_is_folded(proposal: Any, folded: Any, ana: Any) -> None:
    client = browser(ana)
    for one, said in ((proposal, True), (folded, False)):
        digest = one.suggestions.get().action_digest
        page = client.get(f"/queue/{one.pk}/").content.decode()
        field = f'<input type="hidden" name="shown" value="{digest}">'
        assert field in page
        assert (f"<noscript>{field}</noscript>" not in page) == said


# --- Looks ----------------------------------------------------------------------------------------


def test_a_beat_is_noted_and_answered_with_who_else_is_here(proposal: Any, ana: Any, ben: Any) -> None:
    address = f"/queue/{proposal.pk}/look/"
    looks.look(proposal.pk, user=ben, seconds=0)

    answer = browser(ana).post(address, {"seconds": "7", "all_shown": "true"})

    assert (answer.status_code, answer.content.decode()) == (200, "Ben is looking at this")
    found = Look.objects.get(user=ana)
    assert (found.seconds, found.all_shown) == (7, True)
    assert present(proposal, ben) == "Ana is looking at this"
    assert browser(ana).post(address, {"leaves": "true"}).status_code == 204
    assert present(proposal, ben) == ""


def test_the_farewell_of_a_page_that_was_loaded_anew_takes_nobody_away(
    proposal: Any, ana: Any, ben: Any
) -> None:
    address, browser_of_ana = f"/queue/{proposal.pk}/look/", browser(ana)
    browser_of_ana.post(address, {"page": "before"})
    browser_of_ana.post(address, {"page": "anew"})
    browser_of_ana.post(address, {"page": "before", "leaves": "true"})
    assert present(proposal, ben) == "Ana is looking at this"

    browser_of_ana.post(address, {"page": "anew", "leaves": "true"})
    assert present(proposal, ben) == ""


@pytest.mark.parametrize("seconds", ["", "-1", "x", "9" * 30, "²"])
def test_a_beat_of_nonsense_counts_nothing(proposal: Any, ana: Any, seconds: str) -> None:
    assert browser(ana).post(f"/queue/{proposal.pk}/look/", {"seconds": seconds}).status_code == 200
    assert Look.objects.get().seconds == 0


def test_a_beat_is_for_the_signed_in_and_by_post(proposal: Any, ana: Any) -> None:
    address = f"/queue/{proposal.pk}/look/"
    assert Client().post(address, headers={"HX-Request": "true"}).status_code == 401
    assert browser(ana).get(address).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ana)
    assert strict.post(address).status_code == 403


# --- Timeline -------------------------------------------------------------------------------------


def test_the_timeline_tells_everything_in_words(proposal: Any, ana: Any, ben: Any) -> None:
    finance, _ = Team.objects.get_or_create(slug="finance", defaults={"name": "Finance"})
    ben.teams.add(finance)
    claims.claim(proposal.pk, user=ana, actor=actor_of(ana))
    claims.assign(proposal.pk, to=ben, by=ana, actor=actor_of(ana))
    comments.comment(proposal.pk, author=ana, actor=actor_of(ana), text="Look at\nthe photo")
    decide.escalate(proposal.pk, to=finance, reviewer=ana, actor=actor_of(ana), reason="Too much for us")

    told = detail_of(proposal.pk, reader=ben).timeline

    said = [(entry.text, "".join(piece.text for piece in entry.said)) for entry in told]
    assert said == [
        ("Proposed by support-bot", ""),
        ("Ana took it on", ""),
        ("Ana gave it to Ben", ""),
        ("Ana noted", "Look at\nthe photo"),
        ("Ana escalated it to Finance", "Too much for us"),
        ("Ana asks Finance in the place of Operations", ""),
    ]


def test_the_page_asks_the_same_for_one_and_for_many(
    propose: Any, said: Any, ana: Any, django_assert_max_num_queries: Any
) -> None:
    asked = said(0.9)
    client = browser(ana)

    def ask() -> int:
        html = client.get(f"/queue/{asked.pk}/").content.decode()
        return int(re.findall(r"(\d+) approved", html)[0])

    same_queries_at(4, 12, lambda n: approve(said(0.9), ana), ask)  # four are shown, and all are counted
    with django_assert_max_num_queries(75):
        client.get(f"/queue/{asked.pk}/")
