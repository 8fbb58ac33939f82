"""What stands on the desk of what is there now, and what of it stands with a decision."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from approvals.bulk.views import ticket_for
from approvals.deciding import decide
from approvals.looking.kept import LookGone
from approvals.models import Decision
from audit.ground.actors import SYSTEM
from audit.models import Event
from execution.looking.looks import look_at
from execution.models import Look
from governance.actions.action_types import register
from tests.approvals.conftest import policy
from tests.approvals.desk.test_edit_views import typed
from tests.approvals.desk.test_views import browser, form_of, page, part
from tests.conftest import REFUND, actor_of, suggestion_body
from tests.execution.conftest import shop as shop
from tests.execution.looking.conftest import ORDER, known, looking, order
from tests.queries import statements

__all__ = ["known", "order", "policy", "shop"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def told(monkeypatch: Any) -> list[Any]:
    """What workers were asked for."""
    found: list[Any] = []
    monkeypatch.setattr("suggestions.past.looks.tell_worker", lambda *args: found.append(args[1]))
    return found


@pytest.fixture
def waiting(shop: Any, order: Any, propose: Any, known: Any, told: list[Any]) -> Any:
    """`waiting(plan)` is a proposal that nobody has looked at yet."""

    def hand_in(plan: Any = None, **changes: Any) -> Any:
        register({**REFUND, "workflow": plan or looking(shop)}, actor=SYSTEM)
        found = propose(**{**known, **changes})
        told.clear()
        return found

    return hand_in


def text_of(html: str) -> str:
    """What is read, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def now(client: Any, proposal: Any, tried: int = 0) -> str:
    return page(client, f"/queue/{proposal.pk}/now/?rank=1&tried={tried}")


def test_an_opened_proposal_is_drawn_at_once_and_asks_until_it_is_known(
    shop: Any, waiting: Any, told: list[Any], ana: Any
) -> None:
    proposal, client = waiting(), browser(ana)
    html = page(client, f"/queue/{proposal.pk}/")
    assert "Asking the shop …" in html
    assert f'hx-get="/queue/{proposal.pk}/now/?rank=1&amp;tried=1"' in html
    assert (told, shop.calls) == ([proposal.pk], [])

    assert "Asking the shop …" in now(client, proposal, tried=1)
    assert told == [proposal.pk] * 2
    given_up = now(client, proposal, tried=8)
    assert "hx-trigger" not in given_up
    assert "The shop has not answered." in text_of(given_up)

    look_at(proposal.pk)
    told.clear()
    known = now(client, proposal, tried=2)
    assert "Now, as the shop says" in text_of(known)
    assert "hx-trigger" not in known
    assert told == []


def test_where_the_shop_and_the_agent_differ_it_says_so_in_words(waiting: Any, ana: Any) -> None:
    proposal = waiting()
    look_at(proposal.pk)
    html = page(browser(ana), f"/queue/{proposal.pk}/")
    said = text_of(html)
    assert "Not as the agent says Refundable : the agent says 60, the shop says 54.04" in said
    assert "Refundable 54.04 60 differs" in said
    assert "Owner Ida nothing" in said


@pytest.mark.parametrize("claim", [54.04, "54.04"])
def test_where_they_agree_nothing_is_loud(waiting: Any, ana: Any, claim: Any) -> None:
    arguments = {"order_id": "W1", "amount": 54.04}
    proposal = waiting(suggestions=[suggestion_body(arguments=arguments, before={"refundable": claim})])
    look_at(proposal.pk)
    said = text_of(page(browser(ana), f"/queue/{proposal.pk}/"))
    assert "Not as the agent says" not in said
    assert "Refundable 54.04 54.04 the same" in said


def test_what_is_required_and_is_not_so_is_said_before_anybody_approves(
    waiting: Any, order: Any, ana: Any
) -> None:
    proposal = waiting()
    order(10)
    look_at(proposal.pk)
    said = text_of(page(browser(ana), f"/queue/{proposal.pk}/"))
    assert "As things are, nothing would be carried out What is required does not hold" in said


def test_a_dry_run_says_that_it_is_one(shop: Any, waiting: Any, ana: Any) -> None:
    shop.will("/dry", (200, {"new_balance": 10}, {}))
    proposal = waiting(looking(shop, preview={"route": {"kind": "http", "url": f"{shop.url}/dry"}}))
    look_at(proposal.pk)
    said = text_of(page(browser(ana), f"/queue/{proposal.pk}/"))
    assert "What would change, as a dry run of the shop says" in said
    assert "A dry run: nothing was changed. New balance 10" in said


def test_what_the_shop_says_is_hostile_text(shop: Any, waiting: Any, ana: Any) -> None:
    shop.will(ORDER, (200, {"owner": "<script>x</script>\u202eabc", "refundable": 60}, {}))
    proposal = waiting()
    look_at(proposal.pk)
    html = page(browser(ana), f"/queue/{proposal.pk}/")
    assert "<script>x" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html


def test_no_answer_is_said_aloud(shop: Any, waiting: Any, ana: Any) -> None:
    shop.will(ORDER, 503)
    proposal = waiting()
    look_at(proposal.pk)
    said = text_of(page(browser(ana), f"/queue/{proposal.pk}/"))
    assert "gave no answer that can be shown, so nobody knows what is there now. No answer: HTTP 503." in said


def test_opening_costs_no_question_more_and_with_a_look_one(waiting: Any, propose: Any, ana: Any) -> None:
    client, without = browser(ana), propose()
    looked_at = waiting()
    look_at(looked_at.pk)

    def cost(proposal: Any) -> int:
        def ask() -> None:
            page(client, f"/queue/{proposal.pk}/", headers=part("detail"))

        ask()
        return statements(ask)

    assert cost(looked_at) <= cost(without) + 1


def test_a_stranger_sees_nothing_of_it(waiting: Any, cyd: Any, ana: Any) -> None:
    proposal = waiting()
    assert browser(cyd).get(f"/queue/{proposal.pk}/now/?rank=1").status_code == 404
    for query in ("", "?rank=7", "?rank=x", "?rank=-1"):
        assert browser(ana).get(f"/queue/{proposal.pk}/now/{query}").status_code == 404
    assert browser(ana).post(f"/queue/{proposal.pk}/now/?rank=1").status_code == 405


# --- With a decision ------------------------------------------------------------------------------


def test_a_decision_holds_what_its_reviewer_was_shown(waiting: Any, ana: Any) -> None:
    proposal, client = waiting(), browser(ana)
    look_at(proposal.pk)
    html = page(client, f"/queue/{proposal.pk}/")
    [look] = re.findall(r'name="look"\s+value="([^"]+)"\s+form="approve-1"', html)
    form = {**form_of(proposal), "look": look}
    assert client.post(f"/queue/{proposal.pk}/approve/", form).status_code == 303

    [kept] = Decision.objects.get().looks
    assert (kept["look"], kept["values"]) == (look, [["Owner", "Ida"], ["Refundable", 54.04]])
    assert kept["digest"] == Look.objects.get().digest
    event = json.loads(Event.objects.get(type="decision.made").body)
    assert event["data"]["looks"]["ids"] == [look]
    assert "Ida" not in json.dumps(event)
    assert "Shown: what the shop said" in text_of(page(client, f"/queue/{proposal.pk}/"))


def test_a_no_holds_it_too(waiting: Any, ana: Any) -> None:
    proposal = waiting()
    look_at(proposal.pk)
    form = {"reason": "Not theirs.", "look": str(Look.objects.get().pk)}
    assert browser(ana).post(f"/queue/{proposal.pk}/reject/", form).status_code == 303
    assert len(Decision.objects.get().looks) == 1


def test_who_escalates_it_was_shown_it_too(waiting: Any, ana: Any, cyd: Any) -> None:
    proposal, client = waiting(), browser(ana)
    look_at(proposal.pk)
    html = page(client, f"/queue/{proposal.pk}/")
    [look] = re.findall(r'name="look"\s+value="([^"]+)"\s+form="escalate-form"', html)
    assert 'id="escalate-form"' in html

    form = {"team": "finance", "reason": "Too much for us.", "look": look}
    assert client.post(f"/queue/{proposal.pk}/escalate/", form).status_code == 303

    decision = Decision.objects.get()
    assert (decision.verdict, [one["look"] for one in decision.looks]) == ("escalate", [look])


def test_an_edit_is_made_before_the_same_answer_and_holds_it(waiting: Any, ana: Any) -> None:
    proposal, client = waiting(), browser(ana)
    look_at(proposal.pk)
    begun = client.get(f"/queue/{proposal.pk}/edit/")
    html = begun.content.decode()
    assert "Now, as the shop says" in text_of(html)
    [look] = re.findall(r'name="look"\s+value="([^"]+)"\s+form="edit"', html)
    checked = client.post(f"/queue/{proposal.pk}/edit/", {**typed(begun, amount="9"), "do": "check"})

    client.post(f"/queue/{proposal.pk}/edit/", {**typed(checked), "do": "approve"})

    decision = Decision.objects.get()
    assert (decision.arguments["amount"], [one["look"] for one in decision.looks]) == (9, [look])


def test_a_table_shows_what_was_found_last_and_each_decision_holds_it(
    shop: Any, waiting: Any, ana: Any
) -> None:
    one, two, client = waiting(), waiting(), browser(ana)
    look_at(one.pk)
    address = f"/queue/bulk/?id={one.pk}&id={two.pk}"
    html = page(client, address)
    text = text_of(html)
    assert "The shop said at" in text
    assert "Refundable 54.04 the agent says 60" in text
    assert "The shop was not asked yet what is there now." in text
    look = Look.objects.get(proposal=one, at__isnull=False)
    [items, *_] = re.findall(r'name="items"\s+value="([^"]+)"', html)
    assert {line[-36:] for line in items.split() if "," in line} == {str(look.pk)}

    sent = {"ticket": ticket_for(ana), "verdict": "approve", "items": items, "reason": ""}
    assert client.post("/queue/bulk/", sent).status_code == 303

    shown = {d.proposal_id: [seen["look"] for seen in d.looks] for d in Decision.objects.all()}
    assert shown == {one.pk: [str(look.pk)], two.pk: []}


@pytest.mark.parametrize("verdict", ["reject", "return"])
def test_a_no_to_several_holds_it_too(waiting: Any, ana: Any, verdict: str) -> None:
    proposal = waiting()
    look_at(proposal.pk)
    html = page(browser(ana), f"/queue/bulk/?id={proposal.pk}")
    [items, *_] = re.findall(r'name="items"\s+value="([^"]+)"', html)
    sent = {"ticket": ticket_for(ana), "verdict": verdict, "items": items, "reason": "No."}
    assert browser(ana).post("/queue/bulk/", sent).status_code == 303
    assert len(Decision.objects.get().looks) == 1


@pytest.mark.parametrize("whose", ["nobody's", "another's", "unanswered"])
def test_nobody_was_shown_what_is_none_of_it(waiting: Any, ana: Any, whose: str) -> None:
    proposal, other = waiting(), waiting()
    look_at(other.pk)
    look = Look.objects.get()
    if whose == "unanswered":
        Look.objects.update(proposal=proposal, at=None)
    shown = "0" * 32 if whose == "nobody's" else look.pk
    suggestion = proposal.suggestions.select_related("action_type").get()
    with pytest.raises(LookGone):
        decide.approve(
            suggestion,
            reviewer=ana,
            actor=actor_of(ana),
            shown_digest=suggestion.action_digest,
            shown=[shown],
        )
    assert not Decision.objects.exists()


def test_a_program_says_what_it_showed(waiting: Any, ana: Any, api_as: Any) -> None:
    proposal = waiting()
    look_at(proposal.pk)
    suggestion = proposal.suggestions.get()
    said = {
        "verdict": "approve",
        "suggestion": str(suggestion.pk),
        "action_digest": suggestion.action_digest,
        "looks": [str(Look.objects.get().pk)],
    }
    assert api_as(ana).post(f"proposals/{proposal.pk}/decisions/", said).status_code == 201
    assert len(Decision.objects.get().looks) == 1


def test_a_program_reads_what_is_there(waiting: Any, told: list[Any], ana: Any, api_as: Any) -> None:
    proposal, reviewer = waiting(), api_as(ana)
    assert reviewer.get(f"proposals/{proposal.pk}/looks/").json() == {"looks": [], "asking": True}
    assert told == [proposal.pk]
    look_at(proposal.pk)
    answer = reviewer.get(f"proposals/{proposal.pk}/looks/").json()
    [look] = answer["looks"]
    assert answer["asking"] is False
    assert (look["kind"], look["says"], look["known"]) == ("look", "the shop", True)
    assert look["values"] == [{"label": "Owner", "value": "Ida"}, {"label": "Refundable", "value": 54.04}]


def test_of_most_kinds_of_action_nothing_can_be_asked(
    proposal: Any, told: list[Any], ana: Any, api_as: Any
) -> None:
    assert api_as(ana).get(f"proposals/{proposal.pk}/looks/").json() == {"looks": [], "asking": False}
    assert told == []
