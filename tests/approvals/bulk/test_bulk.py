"""Several proposals answered at once, each by a decision of its own."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from approvals.bulk import answer as bulk
from approvals.bulk.answer import Shown
from approvals.bulk.table import side_by_side
from approvals.deciding import decide
from approvals.deciding.together import alike, candidates
from approvals.models import Batch, BatchItem, CheckPlan, CheckTemplate, Decision
from approvals.vigilance import slip_in
from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.models import Event
from execution.holding.lease import take
from execution.models import Execution
from governance.actions.action_types import register
from governance.models import Agent
from suggestions.models import Proposal, Resolution
from tests.approvals.conftest import TWO_PEOPLE
from tests.approvals.deciding.test_decide import approve
from tests.approvals.desk.test_views import browser, part
from tests.conftest import REFUND, actor_of, proposal_body, suggestion_body
from tests.pages import in_one_line

Propose = Callable[..., Any]


@pytest.fixture
def twelve(propose: Propose) -> list[Any]:
    return [refund(propose, n, 40 + n / 10) for n in range(12)]


def refund(propose: Propose, n: int, amount: float = 40, **more: Any) -> Any:
    arguments = {"order_id": f"#W{n}", "amount": amount, **more.pop("arguments", {})}
    subject = {"type": "customer", "id": f"customer-{n}"}
    return propose(subject=subject, suggestions=[suggestion_body(arguments=arguments, **more)])


def shown(proposals: list[Any]) -> list[Shown]:
    return [Shown(p.pk, p.suggestions.get(rank=1).action_digest) for p in proposals]


def say(verdict: str, proposals: list[Any], reviewer: Any, **more: Any) -> Batch:
    """What a form does."""
    batch = bulk.submit(
        more.pop("batch", None) or uuid4(),
        shown(proposals),
        verdict=verdict,
        said="so many",
        reviewer=reviewer,
        actor=actor_of(reviewer),
        reason=more.pop("reason", "" if verdict == "approve" else "no"),
        **more,
    )
    assert bulk.go_on(batch, actor=actor_of(reviewer), seconds=60) == 0
    return batch


def outcomes(batch: Batch) -> list[str]:
    return list(batch.items.order_by("position").values_list("outcome", flat=True))


def why_not(proposal: Any, reader: Any) -> str:
    [one] = candidates([proposal.pk], reader)
    return one.why_not


# --- Deciding ---------------------------------------------------------------------------------------


def test_each_of_twelve_has_its_own_decision_and_event(twelve: list[Any], ana: Any) -> None:
    batch = say("approve", twelve, ana, looked_seconds=60)

    assert outcomes(batch) == ["done"] * 12
    assert set(Resolution.objects.values_list("status", "user")) == {("approved", ana.pk)}
    assert Decision.objects.count() == Execution.objects.count() == 12
    assert set(Decision.objects.values_list("looked_seconds", flat=True)) == {5}
    made = Event.objects.filter(type="decision.made")
    assert {e.proposal_id for e in made} == {p.pk for p in twelve}
    assert all(f'"bulk":"{batch.pk}"' in e.body for e in made)
    assert Event.objects.filter(type="batch.submitted").count() == 1


@pytest.mark.parametrize(("verdict", "status"), [("reject", "rejected"), ("return", "returned")])
def test_all_are_rejected_or_returned_with_one_reason(
    twelve: list[Any], ana: Any, verdict: str, status: str
) -> None:
    say(verdict, twelve, ana, reason="no evidence")

    said = set(Resolution.objects.values_list("status", "reason"))
    assert said == {(status, "no evidence")}
    assert Resolution.objects.count() == 12


def test_nothing_is_rejected_without_a_reason(twelve: list[Any], ana: Any) -> None:
    with pytest.raises(Invalid):
        say("reject", twelve, ana, reason="")
    assert not Batch.objects.exists()


def test_the_same_form_sent_twice_is_one_batch(twelve: list[Any], ana: Any) -> None:
    first = say("approve", twelve, ana)
    again = say("approve", twelve, ana, batch=first.pk)

    assert (first, Decision.objects.count()) == (again, 12)
    with pytest.raises(bulk.OtherBatch):
        say("reject", twelve, ana, batch=first.pk)


def test_what_somebody_decided_meanwhile_stops_no_other(twelve: list[Any], ana: Any, ben: Any) -> None:
    decide.reject(twelve[4].pk, reviewer=ben, actor=actor_of(ben), reason="no")

    batch = say("approve", twelve, ana)

    assert outcomes(batch) == ["done"] * 4 + ["refused"] + ["done"] * 7
    assert batch.items.get(outcome="refused").detail == (
        "Decided meanwhile. This proposal was already rejected, by Ben."
    )
    refused = Event.objects.get(type="decision.refused")
    assert (refused.proposal_id, str(batch.pk) in refused.body) == (twelve[4].pk, True)


def test_what_somebody_says_after_it_was_looked_up_counts(
    propose: Propose, policy: Any, ana: Any, ben: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(TWO_PEOPLE)
    proposals = [refund(propose, n) for n in range(3)]
    looked_up = bulk.candidates

    def and_then_ben_edits(ids: Any, reader: Any) -> Any:
        found = looked_up(ids, reader)
        approve(proposals[2], ben, arguments={"order_id": "#W2", "amount": 39})
        return found

    monkeypatch.setattr(bulk, "candidates", and_then_ben_edits)
    batch = say("approve", proposals, ana)

    assert outcomes(batch) == ["waits", "waits", "refused"]
    assert batch.items.get(outcome="refused").detail == "Ben approved another version of it."


def test_what_is_confirmed_is_what_was_shown(twelve: list[Any], ana: Any) -> None:
    items = [*shown(twelve[:1]), Shown(twelve[1].pk, "sha256:" + "0" * 64)]
    for verdict in ("approve", "reject"):
        batch = bulk.submit(
            uuid4(), items, verdict=verdict, said="", reviewer=ana, actor=actor_of(ana), reason="no"
        )
        bulk.go_on(batch, actor=actor_of(ana))
        assert "not the one that was shown" in batch.items.get(proposal=twelve[1]).detail


def test_at_most_a_hundred_each_once(proposal: Any, ana: Any) -> None:
    [one] = shown([proposal])
    for items in ([one] * 2, [Shown(uuid4(), "") for _ in range(101)], []):
        with pytest.raises(Invalid):
            bulk.submit(uuid4(), items, verdict="approve", said="", reviewer=ana, actor=actor_of(ana))


def test_it_waits_for_others_where_several_are_asked(
    propose: Propose, policy: Any, ana: Any, ben: Any
) -> None:
    policy(TWO_PEOPLE)
    both = [refund(propose, n) for n in range(2)]

    assert outcomes(say("approve", both, ana)) == ["waits", "waits"]
    assert why_not(both[0], ana).startswith("You have decided")
    assert outcomes(say("approve", both, ben)) == ["done", "done"]
    assert Resolution.objects.filter(status="approved").count() == 2


def test_after_a_while_nobody_stands_behind_it_any_more(twelve: list[Any], ana: Any) -> None:
    batch = bulk.submit(uuid4(), shown(twelve), verdict="approve", said="", reviewer=ana, actor=actor_of(ana))
    assert bulk.go_on(batch, actor=actor_of(ana), seconds=0) == 12
    Batch.objects.update(at=Now() - bulk.LASTS)

    with pytest.raises(bulk.BatchOver):
        bulk.go_on(batch, actor=actor_of(ana))
    assert not Decision.objects.exists()


def test_a_check_among_them_is_revealed_and_counts_for_nothing_else(
    twelve: list[Any], policy: Any, agent: Agent, ana: Any, olga: Any
) -> None:
    CheckPlan.objects.create(team_id="operations", on=True, changed_by=olga, from_past=False)
    CheckTemplate.objects.create(
        name="Ten times",
        agent=agent,
        kind="bad",
        why="The amount is ten times what the customer paid.",
        body=proposal_body(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": 540.4})]),
        made_by=olga,
    )
    check = slip_in.slip_in("operations")
    assert check is not None
    assert check.proposal_id in alike(twelve[0], ana)

    batch = say("approve", [check.proposal, *twelve], ana)

    assert outcomes(batch) == ["check", *["done"] * 12]
    assert "You missed it." in batch.items.get(outcome="check").detail
    assert Execution.objects.count() == Decision.objects.count() == 12


# --- Undoing ----------------------------------------------------------------------------------------


def test_all_of_it_is_undone_in_the_grace_period(propose: Propose, policy: Any, ana: Any) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, grace: 1m}\n")
    three = [refund(propose, n) for n in range(3)]
    batch = say("approve", three, ana)
    assert bulk.undoable(batch).number == 3
    Execution.objects.filter(proposal=three[0]).update(due_at=Now() - timedelta(seconds=1))
    begun = Execution.objects.get(proposal=three[0])
    assert take(begun.pk)

    assert bulk.undo_all(batch, actor=actor_of(ana)) == (2, 1)

    assert sorted(outcomes(batch)) == ["done", "undone", "undone"]
    assert Proposal.objects.filter(status="pending").count() == 2
    assert bulk.undo_all(batch, actor=actor_of(ana)) == (0, 1)


def test_what_waits_for_others_is_taken_back(propose: Propose, policy: Any, ana: Any) -> None:
    policy(TWO_PEOPLE)
    batch = say("approve", [refund(propose, n) for n in range(2)], ana)

    assert bulk.undoable(batch).number == 2
    assert bulk.undo_all(batch, actor=actor_of(ana)) == (2, 0)
    assert not Decision.objects.filter(standing=True).exists()


# --- What is never among them -------------------------------------------------------------------------


def test_what_asks_for_more_care_is_decided_by_itself(propose: Propose, policy: Any, ana: Any) -> None:
    critical = refund(propose, 1, risk={"level": "critical"})
    policy("""
version: 1
defaults: {verdict: review, team: operations}
rules:
  - {name: alone, when: args.amount > 100.0, then: {bulk: false}}
  - {name: known, when: args.amount > 90.0, then: {step_up: true}}
""")
    alone, known, plain = (refund(propose, n, amount) for n, amount in ((2, 200), (3, 95), (4, 40)))

    assert why_not(critical, ana) == "Its risk is critical."
    assert "fresh log-in" in why_not(alone, ana)  # the first of several reasons
    assert "fresh log-in" in why_not(known, ana)
    assert why_not(plain, ana) == ""


def test_the_policy_can_forbid_it(propose: Propose, policy: Any, ana: Any) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, bulk: false}\n")
    proposal = refund(propose, 1)

    assert why_not(proposal, ana) == "The policy wants it decided by itself."
    assert outcomes(say("approve", [proposal], ana)) == ["refused"]  # whatever a form sends
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"note": "x" * 121}, "“Note to customer” is too long for a table."),
        ({"note": "two\nlines"}, "“Note to customer” is too long for a table."),
        ({"note": "kett\u200ble"}, "Hidden or mixed characters stand in “Note to customer”."),
        ({"order_id": "#W\u202e1"}, "Hidden or mixed characters stand in what would happen."),
        ({"note": "p\u0430ypal"}, "Hidden or mixed characters stand in “Note to customer”."),
        ({"note": "x" * 120}, ""),
    ],
)
def test_what_a_table_does_not_show_whole_is_not_in_it(
    propose: Propose, ana: Any, arguments: dict[str, Any], why: str
) -> None:
    assert why_not(refund(propose, 1, arguments=arguments), ana) == why


def test_sensitive_or_too_many_values_are_not_in_it(propose: Propose, ana: Any) -> None:
    schema = {"type": "object", "properties": {"pin": {"type": "string", "x-sensitive": True}}}
    register({**REFUND, "name": "reset", "schema": schema, "template": "Reset"}, actor=SYSTEM)
    pin = propose(suggestions=[suggestion_body(action="reset", arguments={"pin": "1234"})])
    many = propose(
        suggestions=[suggestion_body(action="reset", arguments={"all": [{"n": n} for n in range(25)]})]
    )

    assert why_not(pin, ana) == "It has a sensitive value, which no list shows."
    assert why_not(many, ana) == "It has 25 values, more than a table shows."


def test_who_can_not_decide_on_one_does_not_decide_on_it_among_others(
    propose: Propose, agent: Agent, ana: Any, ben: Any, cyd: Any, dora: Any
) -> None:
    late, other, own, mine = (refund(propose, n) for n in range(4))
    Proposal.objects.filter(pk=late.pk).update(deadline=Now() - timedelta(seconds=1))
    approve(other, ben, arguments={"order_id": "#W1", "amount": 39})
    assert why_not(late, ana) == "Its time to decide is over."
    assert why_not(other, ana) == "Approved by Ben, meanwhile."
    assert candidates([own.pk], cyd) == []
    assert why_not(own, dora).startswith("It is for Operations")
    agent.owner = ana
    agent.save()
    assert why_not(mine, ana) == "You own its agent, so somebody else has to decide."


def test_another_version_that_somebody_approved_is_looked_at_by_itself(
    propose: Propose, policy: Any, ana: Any, ben: Any
) -> None:
    policy(TWO_PEOPLE)
    proposal = refund(propose, 1)
    approve(proposal, ben, arguments={"order_id": "#W1", "amount": 39})

    assert why_not(proposal, ana) == "Ben approved another version of it."


# --- Alike, and side by side ----------------------------------------------------------------------------


def test_alike_is_the_same_agent_action_and_reasons(
    propose: Propose, policy: Any, olga: Any, ana: Any
) -> None:
    register({**REFUND, "name": "voucher", "template": "Voucher"}, actor=SYSTEM)
    policy("""
version: 1
defaults: {verdict: review, team: operations}
rules:
  - {name: large, when: args.amount > 100.0, then: {reason: "Large"}}
""")
    first, second, large = (refund(propose, n, amount) for n, amount in ((1, 40), (2, 50), (3, 200)))
    propose(Agent.objects.create(name="other-bot", owner=olga))
    refund(propose, 4, action="voucher")

    assert set(alike(first, ana)) == {first.pk, second.pk}
    assert alike(large, ana) == [large.pk]


def test_the_table_has_columns_for_what_differs_and_says_the_sum(propose: Propose, ana: Any) -> None:
    amounts = [54.04, 40, 42, 41, 900]
    proposals = [refund(propose, n, amount, arguments={"note": "Sorry"}) for n, amount in enumerate(amounts)]

    t = side_by_side(candidates([p.pk for p in proposals], ana))

    [table] = t.tables
    assert t.said == "5 refunds, 1,077.04 in total"
    assert [(c.title, c.total) for c in table.columns] == [("Order", ""), ("Amount", "1,077.04")]
    assert [(title, value[0].text) for title, value in table.common] == [("Note to customer", "Sorry")]
    marked = {str(line.in_columns[1][1].text[0].text): line.in_columns[1][1].note for line in table.lines}
    assert marked == {
        "54.04": "",
        "40.00": "",
        "42.00": "",
        "41.00": "",
        "900.00": "far from the others",
    }
    assert "Agent: support-bot" in t.of


def test_one_that_differs_from_all_others_is_marked(propose: Propose, ana: Any) -> None:
    notes = ["Sorry"] * 4 + ["Urgent, wire it"]
    proposals = [refund(propose, n, arguments={"note": note}) for n, note in enumerate(notes)]

    [table] = side_by_side(candidates([p.pk for p in proposals], ana)).tables

    marked = {cell.text[0].text: cell.note for line in table.lines for _, cell in line.in_columns}
    assert {text for text, note in marked.items() if note} == {"Urgent, wire it"}


def test_several_kinds_are_told_one_after_the_other(propose: Propose, ana: Any) -> None:
    register(
        {**REFUND, "name": "close_account", "template": "Close", "schema": {"type": "object"}}, actor=SYSTEM
    )
    refund(propose, 1)
    propose(suggestions=[suggestion_body(action="close_account", arguments={})])

    t = side_by_side(candidates(Proposal.objects.values_list("pk", flat=True), ana))

    assert sorted(t.said.split(" and ")) == ["1 closure", "1 refund (40 in total)"]
    assert len(t.tables) == 2


def test_amounts_of_different_currencies_are_not_added_up(propose: Propose, ana: Any) -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "number"}, "currency": {"type": "string"}}}
    pay = {**REFUND, "name": "pay_invoice", "schema": schema, "template": "Pay {amount} {currency}"}
    register(pay, actor=SYSTEM)
    for amount, currency in ((10, "EUR"), (5.5, "USD"), (1, "EUR")):
        body = suggestion_body(action="pay_invoice", arguments={"amount": amount, "currency": currency})
        propose(suggestions=[body])

    t = side_by_side(candidates(Proposal.objects.values_list("pk", flat=True), ana))

    assert t.said in (
        "3 payments, 11 EUR and 5.50 USD in total",
        "3 payments, 5.50 USD and 11 EUR in total",
    )


# --- Pages --------------------------------------------------------------------------------------------


def table_of(client: Any, proposals: list[Any]) -> str:
    asked = "&".join(f"id={p.pk}" for p in proposals)
    answer = client.get(f"/queue/bulk/?{asked}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def form_in(html: str, verdict: str, **more: str) -> dict[str, str]:
    found = {
        name: re.search(rf'name="{name}" value="([^"]*)"', html)[1]  # type: ignore[index]
        for name in ("ticket", "items")
    }
    return {**found, "verdict": verdict, "reason": "", **more}


@pytest.mark.parametrize("slice_seconds", [60.0, 0.0])
def test_from_the_table_to_what_became_of_each(
    twelve: list[Any], ana: Any, ben: Any, monkeypatch: Any, slice_seconds: float
) -> None:
    monkeypatch.setattr(bulk, "SLICE", slice_seconds)
    client = browser(ana)
    html = table_of(client, twelve)
    assert "Approve 12 refunds, 486.60 in total" in html
    approve(twelve[0], ben)

    answer = client.post("/queue/bulk/", form_in(html, "approve", seconds="24"))

    assert answer.status_code == 303
    results = client.get(answer["Location"]).content.decode()
    assert ("Go on" in results, "0 of 12" in results) == (not slice_seconds, not slice_seconds)
    monkeypatch.setattr(bulk, "SLICE", 60.0)
    results = client.post(answer["Location"] + "go/", headers=part("batch")).content.decode()
    assert "11 approved, 1 not decided." in results
    assert "already approved, by Ben" in results
    assert set(Decision.objects.filter(reviewer=ana).values_list("looked_seconds", flat=True)) <= {0, 1, 2}
    assert browser(ben).get(answer["Location"]).status_code == 404
    assert client.post("/queue/bulk/", form_in(html, "approve"))["Location"] == answer["Location"]
    assert Decision.objects.filter(reviewer=ana).count() == 11


def test_a_table_of_somebody_else_or_of_nobody_decides_nothing(twelve: list[Any], ana: Any, ben: Any) -> None:
    form = form_in(table_of(browser(ana), twelve), "approve")

    for client, sent in ((browser(ben), form), (browser(ana), {**form, "ticket": "forged"})):
        answer = client.post("/queue/bulk/", sent)
        assert (answer.status_code, "too old, or not yours" in answer.content.decode()) == (422, True)
    assert not Decision.objects.exists()


def test_a_rejection_without_a_reason_is_given_back(twelve: list[Any], ana: Any) -> None:
    client = browser(ana)
    answer = client.post("/queue/bulk/", form_in(table_of(client, twelve), "reject"))

    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()
    assert not Batch.objects.exists()


def test_the_others_are_listed_with_why(propose: Propose, ana: Any) -> None:
    fine, critical = refund(propose, 1), refund(propose, 2, risk={"level": "critical"})

    html = table_of(browser(ana), [fine, critical])

    assert "Approve 1 refund, 40 in total" in html
    assert "Its risk is critical." in html
    assert str(critical.pk) not in form_in(html, "approve")["items"]


def test_one_line_is_left_out_and_the_sum_follows(twelve: list[Any], ana: Any) -> None:
    asked = "&".join(f"id={p.pk}" for p in twelve)
    html = browser(ana).get(f"/queue/bulk/?{asked}&without={twelve[0].pk}").content.decode()

    assert "Approve 11 refunds, 446.60 in total" in html


def test_the_detail_leads_to_all_like_this(twelve: list[Any], ana: Any, dora: Any) -> None:
    link = f"/queue/bulk/?like={twelve[3].pk}"
    html = browser(ana).get(f"/queue/{twelve[3].pk}/").content.decode()

    assert (link in html, "12 like this" in in_one_line(html)) == (True, True)
    assert "12 refunds" in browser(ana).get(link).content.decode()
    assert link not in browser(dora).get(f"/queue/{twelve[3].pk}/").content.decode()


def test_the_table_costs_the_same_for_one_and_for_twelve(twelve: list[Any], ana: Any) -> None:
    client, counts = browser(ana), []
    for some in (twelve[:1], twelve):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            table_of(client, some)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Races --------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_forms_and_a_colleague_at_once_decide_each_once(propose: Propose, ana: Any, ben: Any) -> None:
    proposals = [refund(propose, n) for n in range(12)]
    items, batch_id = shown(proposals), uuid4()
    errors: list[BaseException] = []

    def press() -> None:
        batch = bulk.submit(batch_id, items, verdict="approve", said="", reviewer=ana, actor=actor_of(ana))
        bulk.go_on(batch, actor=actor_of(ana), seconds=30)

    def reject() -> None:
        with contextlib.suppress(decide.Refusal):
            decide.reject(proposals[6].pk, reviewer=ben, actor=actor_of(ben), reason="no")

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # told below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in (press, press, reject)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert Resolution.objects.count() == Decision.objects.count() == 12
    items_of = BatchItem.objects.filter(batch=batch_id)
    assert items_of.count() == 12
    assert not items_of.filter(outcome="waiting").exists()
    by_ben = Decision.objects.filter(reviewer=ben).count()
    assert items_of.filter(outcome="refused").count() == by_ben


def test_the_ids_in_an_address_can_be_anything(ana: Any, proposal: Any) -> None:
    client = browser(ana)
    assert client.get("/queue/bulk/?id=x&id=%20&without=&id=" + str(UUID(int=7))).status_code == 200
    assert client.get("/queue/bulk/?like=" + str(UUID(int=7))).status_code == 404
    assert client.get("/queue/bulk/").status_code == 200
