"""What people do about a proposal besides deciding: on the desk and over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from approvals.beside import claims
from approvals.deciding import decide
from approvals.detail.bar import in_short
from approvals.models import Claim, Comment, Decision
from approvals.queue.moved import moved_rows
from audit.models import Event
from execution.models import Execution
from governance.models import Team, User
from suggestions.models import Proposal, Resolution
from tests.approvals.conftest import TWO_PEOPLE
from tests.approvals.deciding.test_decide import approve, events_of
from tests.approvals.desk.test_views import browser, form_of, page, part
from tests.conftest import actor_of, suggestion_body

GRACE = "version: 1\ndefaults: {verdict: review, team: operations, grace: 5m}\n"
EDITED = {"order_id": "#W1", "amount": 40}


def status_of(proposal: Any) -> str:
    return Proposal.objects.get(pk=proposal.pk).status


# --- On the desk --------------------------------------------------------------------------------------


def test_a_claim_by_another_is_taken_over_only_by_saying_so(proposal: Any, ana: Any, ben: Any) -> None:
    client, address = browser(ana), f"/queue/{proposal.pk}"
    claims.claim(proposal.pk, user=ben, actor=actor_of(ben))

    refused = client.post(f"{address}/claim/")
    assert (refused.status_code, Claim.objects.get().user) == (409, ben)
    assert "Ben is on this until" in refused.content.decode()
    taken = client.post(f"{address}/claim/", {"take_over": "yes"})
    assert (taken.status_code, Claim.objects.get().user) == (303, ana)
    released = client.post(f"{address}/release/", headers=part("detail"))

    assert (released.status_code, Claim.objects.count()) == (200, 0)
    assert events_of(proposal)[-1] == "claim.released"


def test_what_one_was_given_and_takes_on_is_ones_own_and_news_once(proposal: Any, ana: Any, ben: Any) -> None:
    claims.assign(proposal.pk, to=ben, by=ana, actor=actor_of(ana))
    for _ in range(2):
        claims.claim(proposal.pk, user=ben, actor=actor_of(ben))

    found = Claim.objects.get()
    assert (found.user, found.by) == (ben, ben)
    assert events_of(proposal)[-2:] == ["claim.assigned", "claim.taken"]


@pytest.mark.parametrize("to", ["", "nobody", "-1", "9999999", "٣", "9" * 40])
def test_nobody_is_assigned_who_is_not_there(proposal: Any, ana: Any, to: str) -> None:
    answer = browser(ana).post(f"/queue/{proposal.pk}/assign/", {"to": to})

    assert answer.status_code == 422
    assert "Choose who is to look at it." in answer.content.decode()
    assert not Claim.objects.exists()


def test_a_note_is_kept_as_it_was_typed_when_it_is_refused(proposal: Any, ana: Any) -> None:
    text = "x" * 2_001

    answer = browser(ana).post(f"/queue/{proposal.pk}/comment/", {"reason": text})

    assert (answer.status_code, Comment.objects.count()) == (422, 0)
    assert text in answer.content.decode()


def test_escalating_needs_a_team_and_a_reason(proposal: Any, ana: Any, cyd: Any) -> None:
    client, address = browser(ana), f"/queue/{proposal.pk}/escalate/"

    for form in ({"reason": "why"}, {"team": "finance"}, {"team": "nobody", "reason": "why"}):
        assert client.post(address, form).status_code == 422
    assert Proposal.objects.get().teams == ["operations"]
    kept = client.post(address, {"team": "nobody", "reason": "Above my head."}).content.decode()
    assert "Above my head." in kept

    assert client.post(address, {"team": "finance", "reason": "why"}).status_code == 303
    assert Proposal.objects.get().teams == ["finance"]


def test_where_it_went_is_told_to_those_who_had_it_and_to_nobody_else(
    proposal: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    address = f"/queue/{proposal.pk}/"
    eva = User.objects.create_user("eva")
    eva.groups.set(ana.groups.all())
    eva.teams.add(Team.objects.create(slug="legal", name="Legal"))
    finance = Team.objects.get(slug="finance")
    decide.escalate(proposal.pk, to=finance, reviewer=ana, actor=actor_of(ana), reason="too much")

    html = page(browser(ben), address)
    assert "escalated to Finance by Ana" in html
    assert "too much" not in html
    assert "The kettle arrived broken." not in html
    late = browser(ben).post(f"{address}approve/", form_of(proposal))
    assert (late.status_code, Decision.objects.count()) == (409, 1)
    assert "This went to another team" in late.content.decode()
    assert browser(eva).get(address).status_code == 404
    assert browser(cyd).get(address).status_code == 200
    escalated = Event.objects.get(type="proposal.escalated")
    [(teams, row)] = moved_rows([escalated.pk])
    assert teams == ("operations",)
    assert "escalated to Finance by Ana" in row


def test_undoing_opens_it_again(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(GRACE)
    proposal = propose()
    approve(proposal, ana)
    bar = page(browser(ana), "/queue/undoable/", headers=part("undo"))
    assert f'data-undo="{proposal.pk}"' in bar
    assert str(proposal.pk) not in page(browser(ben), "/queue/undoable/")

    refused = browser(ben).post(f"/queue/{proposal.pk}/undo/")
    assert (refused.status_code, status_of(proposal)) == (409, "approved")
    done = browser(ana).post(f"/queue/{proposal.pk}/undo/", headers=part("detail"))

    assert (done.status_code, done["Location"]) == (303, f"/queue/{proposal.pk}/")
    assert status_of(proposal) == "pending"
    assert "button-approve" in page(browser(ana), f"/queue/{proposal.pk}/")
    late = browser(ana).post(f"/queue/{proposal.pk}/undo/")
    assert "Nothing was approved here that could be undone." in late.content.decode()


def test_what_is_over_is_not_offered_to_be_undone(propose: Any, policy: Any, ana: Any) -> None:
    policy(GRACE)
    proposal = propose()
    approve(proposal, ana)
    Execution.objects.update(due_at=Now())

    assert str(proposal.pk) not in page(browser(ana), "/queue/undoable/")
    assert "Undo your approval" not in page(browser(ana), f"/queue/{proposal.pk}/")


def test_the_page_says_who_agrees_and_who_is_missing(
    propose: Any, policy: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    policy(TWO_PEOPLE)
    proposal = propose(suggestions=[suggestion_body(), suggestion_body(rank=2, arguments=EDITED)])
    Proposal.objects.update(also_teams=["finance"])
    approve(proposal, ben)

    html = page(browser(ana), f"/queue/{proposal.pk}/")

    said = "2 people, with somebody of Operations and Finance among them, must approve exactly the same"
    assert said in html
    assert "somebody of Finance missing" in html
    assert "Could still answer: Ana, Cyd." in html
    assert "It waits for somebody else to agree." in page(browser(ben), f"/queue/{proposal.pk}/")


def test_what_another_made_of_it_is_a_card_that_can_be_approved(
    propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, four_eyes: true}\n")
    proposal = propose()
    edited = approve(proposal, ben, arguments=EDITED)
    html = page(browser(ana), f"/queue/{proposal.pk}/")
    assert "<bdi>Ben</bdi>’s version" in html
    assert "Approve 2: refund 40 for order #W1" in html
    form = form_of(proposal, action_digest=edited.decision.action_digest)
    assert f'value="{form["action_digest"]}"' in html

    assert browser(ana).post(f"/queue/{proposal.pk}/approve/", form).status_code == 303

    assert (Resolution.objects.get().arguments, Resolution.objects.get().user) == (EDITED, ana)


def test_rejections_are_counted_aloud(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, rejections: 2}\n")
    proposal = propose()
    decide.reject(proposal.pk, reviewer=ben, actor=actor_of(ben), reason="Not ours")

    assert "1 of 2 rejections: Ben (“Not ours”)" in page(browser(ana), f"/queue/{proposal.pk}/")
    mine = page(browser(ben), f"/queue/{proposal.pk}/")
    assert "You rejected this." in mine
    assert browser(ben).post(f"/queue/{proposal.pk}/take-back/").status_code == 303
    assert "button-approve" in page(browser(ben), f"/queue/{proposal.pk}/")


def test_the_owner_may_say_no_but_not_yes(proposal: Any, agent: Any, ana: Any) -> None:
    agent.owner = ana
    agent.save()

    html = page(browser(ana), f"/queue/{proposal.pk}/")

    assert "You own this agent" in html
    assert "button-approve" not in html
    assert 'id="verb-reject"' in html
    assert browser(ana).post(f"/queue/{proposal.pk}/reject/", {"reason": "no"}).status_code == 303


def test_who_writes_a_note_after_their_answer_is_told_of_changes_too(
    propose: Any, policy: Any, ana: Any
) -> None:
    policy(TWO_PEOPLE)
    proposal = propose()
    approve(proposal, ana)

    html = page(browser(ana), f"/queue/{proposal.pk}/")

    assert 'id="comment-text"' in html
    assert html.count("data-changed") == 1


def told(client: Client) -> tuple[bool, bool]:
    """What the desk and its help say of single keys."""
    return "data-single-keys" in page(client, "/queue/"), 'value="yes" checked' in page(
        client, "/queue/help/"
    )


def test_single_keys_are_kept_with_the_person(ana: Any) -> None:
    client = browser(ana)

    assert client.post("/queue/keys/", headers=part("keys-form")).status_code == 204
    assert not User.objects.get(pk=ana.pk).single_keys
    assert told(client) == (False, False)
    client.post("/queue/keys/", {"on": "yes"})
    client.post("/queue/keys/", {"on": "yes"})

    assert User.objects.get(pk=ana.pk).single_keys
    assert told(client) == (True, True)
    assert Event.objects.filter(type="preference.changed").count() == 2


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Approve refund 54.04", "Approve refund 54.04"),
        ("Approve refund 842.10 for order #W2378156-of-a-long-name", "Approve refund 842.10 … -a-long-name"),
        ("x" * 80, f"{'x' * 23} … {'x' * 12}"),
    ],
)
def test_a_long_label_loses_its_middle(text: str, short: str) -> None:
    assert in_short(text, 36) == short


# --- Over the API -------------------------------------------------------------------------------------


def test_claiming_over_the_api(
    api_as: Callable[[Any], Any], proposal: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    address = f"proposals/{proposal.pk}/claim/"
    taken = api_as(ana).post(address)
    assert (taken.status_code, taken.json()["user"], taken.json()["by"]) == (200, "ana", "ana")

    refused = api_as(ben).post(address)
    assert (refused.status_code, refused.json()["claimed_by"]) == (409, "Ana")
    assert refused.json()["type"] == "urn:reviewapp:problem:claimed-by-another"
    assert api_as(ben).delete(address).status_code == 409
    assert api_as(ben).post(address, {"take_over": True}).json()["user"] == "ben"
    assigned = api_as(ben).post(f"proposals/{proposal.pk}/assign/", {"to": "ana"}).json()
    assert (assigned["user"], assigned["by"]) == ("ana", "ben")
    for to in ("cyd", "nobody"):
        assert api_as(ben).post(f"proposals/{proposal.pk}/assign/", {"to": to}).status_code == 422
    assert api_as(ana).delete(address).status_code == 204


def test_notes_over_the_api_come_in_pages(
    api_as: Callable[[Any], Any], proposal: Any, ana: Any, dora: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("approvals.beside.api.PAGE", 2)
    address = f"proposals/{proposal.pk}/comments/"
    for text in ("one", "two", "three"):
        assert api_as(ana).post(address, {"text": text}).status_code == 201
    assert api_as(ana).post(address, {"text": " "}).status_code == 422

    first = api_as(dora).get(address).json()
    rest = api_as(dora).get(f"{address}?cursor={first['next']}").json()

    assert [c["text"] for c in first["comments"] + rest["comments"]] == ["one", "two", "three"]
    assert rest["next"] is None
    assert api_as(dora).get(f"{address}?cursor=nonsense").status_code == 422


def test_undoing_over_the_api_while_it_says_until_when(
    api_as: Callable[[Any], Any], api: Any, propose: Any, policy: Any, ana: Any
) -> None:
    policy(GRACE)
    proposal = propose()
    address = f"proposals/{proposal.pk}/"
    assert api.get(address).json()["undo_until"] is None
    approve(proposal, ana)
    until = api.get(address).json()["undo_until"]
    assert until == Execution.objects.get().due_at.isoformat()

    answer = api_as(ana).post(f"{address}undo/")

    assert (answer.status_code, answer.json()["status"], answer.json()["undo_until"]) == (
        200,
        "pending",
        None,
    )
    assert api_as(ana).post(f"{address}undo/").status_code == 409
    approve(proposal, ana)
    Execution.objects.update(due_at=Now())
    assert api.get(address).json()["undo_until"] is None


def test_taking_back_and_escalating_over_the_api(
    api_as: Callable[[Any], Any], propose: Any, policy: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    policy(TWO_PEOPLE)
    proposal = propose()
    approve(proposal, ana)
    address = f"proposals/{proposal.pk}/"

    assert api_as(ana).post(f"{address}take-back/").json()["status"] == "pending"
    assert api_as(ana).post(f"{address}take-back/").status_code == 409
    decision = {"verdict": "escalate", "reason": "above my head"}
    assert api_as(ana).post(f"{address}decisions/", decision).status_code == 422
    escalated = api_as(ana).post(f"{address}decisions/", {**decision, "team": "finance"})

    assert (escalated.status_code, escalated.json()["resolution"]) == (201, None)
    assert api_as(cyd).get(address).json()["teams"] == ["finance"]
    assert api_as(ana).get(address).status_code == 404


# --- Executions ---------------------------------------------------------------------------------------


def test_an_operator_cancels_what_is_not_to_be_carried_out(
    propose: Any, policy: Any, ana: Any, olga: Any
) -> None:
    policy(GRACE)
    proposal = propose()
    approve(proposal, ana)
    address = f"/executions/{Execution.objects.get().pk}/cancel/"

    for place in (f"/queue/{proposal.pk}/", "/executions/"):
        assert f'action="{address}"' in page(browser(olga), place)
        assert f'action="{address}"' not in page(browser(ana), place)
    browser(olga).post(address, {"reason": "The customer called."})

    assert Execution.objects.get().status == "cancelled"
    assert f'action="{address}"' not in page(browser(olga), "/executions/")
