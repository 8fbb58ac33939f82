"""Check items: slipped in among the rest, answered like the rest, and nothing ever comes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from approvals.beside import claims, comments
from approvals.deciding import checks, decide, undo
from approvals.models import Check, CheckPlan, CheckTemplate, Decision
from approvals.queue.read import Filters, page
from approvals.queue.rows import rows_of
from approvals.vigilance import mutations, plans, slip_in
from audit.models import Event
from execution.models import Execution
from execution.running.schedule import schedule
from governance.expressions.past import Question, question
from governance.models import Agent, Team
from governance.trust import halts
from reviewapp.processes import metrics
from suggestions.answering.resolve import AlreadyResolved, resolve
from suggestions.answering.withdraw import withdraw
from suggestions.models import Callback, Precedent, Proposal, RejectedAction, Resolution, Sample
from suggestions.past import rollups
from suggestions.past.answers import Past
from tests.approvals.deciding.test_decide import approve, events_of, reject
from tests.conftest import ApiClient, actor_of, proposal_body, suggestion_body

BAD = {"order_id": "#W1", "amount": 540.4}


@pytest.fixture
def template(agent: Any, olga: Any, action_type: Any) -> CheckTemplate:
    """Ten times what the customer asks for."""
    return CheckTemplate.objects.create(
        name="Ten times",
        agent=agent,
        kind="bad",
        why="The amount is ten times what the customer paid.",
        body=proposal_body(suggestions=[suggestion_body(arguments=BAD)]),
        made_by=olga,
    )


@pytest.fixture
def plan(olga: Any, db: None) -> CheckPlan:
    return CheckPlan.objects.create(
        team_id="operations", on=True, share=0.2, most_per_day=20, changed_by=olga, from_past=False
    )


@pytest.fixture
def check(plan: CheckPlan, template: CheckTemplate, ana: Any, ben: Any) -> Check:
    """One known-bad check that waits for the team `operations`."""
    made = slip_in.slip_in("operations")
    assert made is not None
    return made


def test_a_missed_check_is_revealed_and_nothing_comes_of_it(check: Check, ana: Any) -> None:
    decided = approve(check.proposal, ana, reason="fine")

    assert decided.check is not None
    assert decided.check.result == "missed"
    assert "You missed it." in checks.told(decided.check)
    assert "ten times what the customer paid" in checks.told(decided.check)
    nothing = [Decision, Execution, Precedent, RejectedAction, Callback, Sample]
    assert [kind.__name__ for kind in nothing if kind.objects.exists()] == []
    assert Proposal.objects.get().status == "withdrawn"
    assert events_of(check.proposal) == ["check.slipped_in", "check.answered"]


def test_a_no_catches_it(check: Check, ana: Any) -> None:
    assert reject(check.proposal, ana).check.result == "caught"  # type: ignore[union-attr]
    assert RejectedAction.objects.count() == 0


def test_giving_back_catches_it_and_asking_another_team_counts_neither_way(
    check: Check, ana: Any, cyd: Any
) -> None:
    actor = actor_of(ana)
    with transaction.atomic():
        said = decide.give_back(check.proposal_id, reviewer=ana, actor=actor, reason="why so much?")
        assert said.check is not None
        assert said.check.result == "caught"
        transaction.set_rollback(True)

    finance = Team.objects.get(pk="finance")
    said = decide.escalate(check.proposal_id, to=finance, reviewer=ana, actor=actor, reason="unsure")

    assert said.check is not None
    assert said.check.result == "passed_on"
    assert Proposal.objects.get().team_id == "operations"


@pytest.mark.parametrize(
    ("planted", "amount", "result"),
    [
        ({"amount": 540.4}, 54.04, "caught"),
        ({"amount": 540.4}, 540.4, "missed"),
        ({}, 54.04, "passed_on"),
    ],
)
def test_an_edit_catches_it_only_where_it_puts_right_what_was_wrong(
    check: Check, ana: Any, planted: Any, amount: float, result: str
) -> None:
    Check.objects.update(planted=planted)

    said = approve(check.proposal, ana, arguments={"order_id": "#W1", "amount": amount, "note": "sorry"})

    assert said.check is not None
    assert said.check.result == result


@pytest.mark.parametrize(("verb", "result"), [(approve, "right"), (reject, "false_alarm")])
def test_a_good_one_is_to_be_approved(check: Check, ana: Any, verb: Any, result: str) -> None:
    Check.objects.update(kind="good")
    assert verb(check.proposal, ana).check.result == result


def test_the_slower_of_two_is_told_that_it_is_over(check: Check, ana: Any, ben: Any) -> None:
    reject(check.proposal, ana)
    with pytest.raises(AlreadyResolved):
        reject(check.proposal, ben)
    assert Check.objects.get().reviewer == ana


# --- Nothing ever comes of one --------------------------------------------------------------------


@pytest.mark.parametrize("status", ["approved", "rejected", "returned", "blocked", "expired"])
def test_the_database_lets_nobody_answer_a_check(check: Check, status: str) -> None:
    with pytest.raises(IntegrityError, match="proposal_check_is_never_answered"), transaction.atomic():
        Proposal.objects.filter(pk=check.pk).update(status=status)


def test_the_database_lets_no_check_become_a_proposal(check: Check, propose: Any) -> None:
    with pytest.raises(IntegrityError, match="stays one"), transaction.atomic():
        Proposal.objects.filter(pk=check.pk).update(is_check=False)
    real = propose()
    with pytest.raises(IntegrityError, match="stays one"), transaction.atomic():
        Proposal.objects.filter(pk=real.pk).update(is_check=True)


def test_the_database_refuses_to_carry_out_a_check(check: Check) -> None:
    suggestion = check.proposal.suggestions.get()
    with pytest.raises(IntegrityError, match="never carried out"), transaction.atomic():
        Execution.objects.create(
            proposal=check.proposal,
            suggestion=suggestion,
            action_digest=suggestion.action_digest,
            deadline=Now(),
        )


def test_every_verb_that_could_answer_or_carry_out_refuses(check: Check, agent: Agent, ana: Any) -> None:
    suggestion = check.proposal.suggestions.get()
    with pytest.raises(ValueError, match="no answer"), transaction.atomic():
        resolve(check.proposal, "approved", by=Resolution.By.HUMAN, actor=actor_of(ana))
    approved = Resolution(proposal=check.proposal, status="approved", suggestion=suggestion)
    with pytest.raises(ValueError, match="never carried out"), transaction.atomic():
        schedule(approved)
    with pytest.raises(Proposal.DoesNotExist):
        withdraw(check.proposal_id, agent=agent)
    approve(check.proposal, ana)
    with pytest.raises(Exception, match="Nothing was approved"):
        undo.undo(check.proposal_id, reviewer=ana, actor=actor_of(ana))


# --- No agent and no measure knows of it ----------------------------------------------------------

QUESTIONS: list[Question] = [
    question(kind, of, window, {"action": "", "status": []}, argument=argument)  # type: ignore[arg-type]
    for kind, argument in (("count", ""), ("sum", "amount"), ("max", "amount"))
    for of in ("agent", "subject")
    for window in ("1h", "30d")
]


def all_that_is_told(agent: Agent, key: str, proposal: Any) -> dict[str, Any]:
    """Everything that an agent can ask for and that policies and measures count."""
    api = ApiClient(key)
    paths = [
        "proposals/",
        "proposals/?status=pending",
        "proposals/?status=withdrawn",
        f"proposals/{proposal.pk}/",
        "action-types/",
        "boundaries/",
    ]
    answers: dict[str, Any] = {path: api.get(path).json() for path in paths}
    for name in [path for path in answers if "instance" in answers[path]]:
        answers[name].pop("instance")
    past = Past.of(proposal)
    answers |= {str(asked): past.find(asked) for asked in QUESTIONS}
    # The log does hold it; the others change by themselves.
    own = ("events", "uncovered", "behind", "heartbeats", "oldest")
    return {**answers, "state": sorted(row for row in metrics._rows() if row[0] not in own)}


@pytest.mark.parametrize("answer", [None, approve, reject])
def test_an_agent_and_its_policies_see_the_same_with_and_without_a_check(
    propose: Any, agent: Agent, agent_key: str, plan: Any, template: Any, ana: Any, ben: Any, answer: Any
) -> None:
    real = propose()
    before = all_that_is_told(agent, agent_key, real)

    check = slip_in.slip_in("operations")
    assert check is not None
    if answer:
        answer(check.proposal, ana)

    assert all_that_is_told(agent, agent_key, real) == before
    api = ApiClient(agent_key)
    for path in (f"proposals/{check.pk}/", f"proposals/{check.pk}/execution/"):
        assert api.get(path).status_code == 404
    assert api.post(f"proposals/{check.pk}/withdraw/").status_code == 404
    revised = {**proposal_body(), "revises": str(check.pk)}
    assert api.submit(revised).status_code == 422


def test_sums_of_the_past_leave_checks_out(
    propose: Any, plan: Any, template: Any, ana: Any, ben: Any, agent: Any
) -> None:
    real = propose()
    check = slip_in.slip_in("operations")
    assert check is not None
    Proposal.objects.update(created_at=Now() - timedelta(hours=3))
    rollups.ask_for([agent.pk], of_subject=False)
    rollups.settle()
    assert Past.of(real).count("30d") == 1
    assert Past.of(real, at=check.slipped_in_at + timedelta(seconds=60)).count("30d") == 1


def test_no_callback_is_owed_for_one(check: Check, ana: Any) -> None:
    Proposal.objects.update(callback_url="https://agent.example/hook")
    claims.claim(check.proposal_id, user=ana, actor=actor_of(ana))
    comments.comment(check.proposal_id, author=ana, actor=actor_of(ana), text="odd")
    reject(check.proposal, ana)
    assert Callback.objects.count() == 0


# --- It looks like all the rest -------------------------------------------------------------------


def test_on_the_desk_it_looks_like_what_the_agent_hands_in(
    check: Check, propose: Any, client: Any, api_as: Any, ana: Any
) -> None:
    real = propose(suggestions=[suggestion_body(arguments=BAD)])
    client.force_login(ana)
    shown = [client.get(f"/queue/{one}/").content.decode() for one in (check.pk, real.pk)]
    told = [api_as(ana).get(f"proposals/{one}/").json() for one in (check.pk, real.pk)]
    rows = rows_of([check.pk, real.pk])

    for text in shown:
        assert "check item" not in text.lower()
        assert "slipped" not in text.lower()
        assert "Proposed by support-bot" in text
    assert check.pk in page(["operations"], Filters()).ids
    assert told[0].keys() == told[1].keys()
    own = ("id", "created_at", "deadline", "links", "suggestions")
    alike = [{name: value for name, value in one.items() if name not in own} for one in told]
    assert alike[0] == alike[1]
    assert (rows[0].sentence, rows[0].agent, rows[0].risk) == (rows[1].sentence, rows[1].agent, rows[1].risk)
    assert check.pk.version == real.pk.version == 7


def test_it_expires_quietly(check: Check) -> None:
    Proposal.objects.update(deadline=Now() - timedelta(seconds=1))
    assert checks.expire_overdue() == 1
    assert checks.expire_overdue() == 0
    assert Check.objects.get().result == "expired"
    assert events_of(check.proposal) == ["check.slipped_in", "check.expired"]


def test_auditors_find_every_check_in_the_log(check: Check, ana: Any) -> None:
    reject(check.proposal, ana, reason="a secret thought")
    bodies = list(Event.objects.filter(proposal_id=check.pk).values_list("body", flat=True))
    assert [event for event in events_of(check.proposal) if event.startswith("check.")] == [
        "check.slipped_in",
        "check.answered",
    ]
    assert '"result":"caught"' in bodies[1]
    assert "secret thought" not in bodies[1]


# --- When and of what -----------------------------------------------------------------------------


def test_none_is_slipped_in_where_no_plan_is_on(plan: CheckPlan, template: Any, ana: Any) -> None:
    CheckPlan.objects.update(on=False)
    assert slip_in.slip_in("operations") is None
    assert slip_in.slip_in("finance") is None
    assert slip_in.due() == []


def test_no_more_than_so_many_a_day_and_none_under_a_kill_switch(
    plan: CheckPlan, template: Any, ana: Any, olga: Any
) -> None:
    CheckPlan.objects.update(most_per_day=1)
    assert slip_in.slip_in("operations") is not None
    CheckTemplate.objects.update(used_at=None)
    assert slip_in.slip_in("operations") is None
    CheckPlan.objects.update(most_per_day=5)
    halts.throw(scope="everything", by=olga, actor=actor_of(olga), reason="stop")
    assert slip_in.slip_in("operations") is None


def test_the_dice_are_thrown_for_what_came_in_and_only_while_the_queue_is_short(
    plan: CheckPlan, template: Any, propose: Any, ana: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(slip_in._chance, "random", lambda: 0.0)
    assert slip_in.due() == []  # nothing came in
    propose()
    CheckPlan.objects.update(looked_at=Now() - timedelta(minutes=1))
    [(team, delay)] = slip_in.due()
    assert (team, 0 <= delay <= slip_in.LATEST) == ("operations", True)
    assert slip_in.due() == []  # counted once

    propose()
    CheckPlan.objects.update(looked_at=Now() - timedelta(minutes=1), busy_from=1)
    assert slip_in.due() == []


def test_a_template_rests_and_one_that_no_longer_fits_is_left_out(
    plan: CheckPlan, template: CheckTemplate, ana: Any
) -> None:
    assert slip_in.slip_in("operations") is not None
    assert slip_in.slip_in("operations") is None
    body = proposal_body(suggestions=[suggestion_body(arguments={"amount": "much"})])
    CheckTemplate.objects.update(used_at=None, body=body)
    assert slip_in.slip_in("operations") is None


def test_only_what_the_policy_would_put_before_the_team_is_put_there(
    plan: CheckPlan, template: Any, policy: Callable[[str], Any], ana: Any, cyd: Any
) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: finance}\n")
    assert slip_in.slip_in("operations") is None


@pytest.fixture
def past(propose: Any, ana: Any, plan: CheckPlan, settings: Any) -> Callable[..., Any]:
    """`past(verb)`: something that people decided long ago, and carried out well where approved."""
    settings.CHECK_FROM_PAST_DAYS = 0
    CheckPlan.objects.update(from_past=True)

    def decided(verb: Any) -> Any:
        proposal = propose()
        verb(proposal, ana)
        Execution.objects.update(status="succeeded")
        Resolution.objects.update(at=Now() - timedelta(days=1))
        return proposal

    return decided


def test_what_went_well_comes_again_as_it_was_or_mutated(past: Any, ana: Any) -> None:
    original = past(approve)
    seen = {}
    for _ in range(2):
        made = slip_in.slip_in("operations")
        if made:
            seen[made.kind] = made
    [made] = seen.values()  # of one original one check

    suggestion = made.proposal.suggestions.get()
    assert made.original == original
    if made.kind == "good":
        assert suggestion.arguments == {"order_id": "#W1", "amount": 54.04}
    else:
        assert suggestion.arguments != {"order_id": "#W1", "amount": 54.04}
        assert all(suggestion.arguments[name] == value for name, value in made.planted.items())


def test_what_was_rejected_comes_again_as_known_bad(past: Any, ana: Any) -> None:
    past(reject)
    made = slip_in.slip_in("operations")
    assert made is not None
    assert (made.kind, made.mutation) == ("bad", "")
    assert "not our customer" in made.why


def test_each_mutation_changes_what_it_says_and_nothing_else() -> None:
    body = {
        "context": {"messages": [{"role": "user", "content": "Pay Eva Braun 120."}]},
        "suggestions": [{"arguments": {"recipient": "DE44 5001 0517 5407", "amount": 120, "note": "rent"}}],
    }
    made = {one.name: one for one in mutations.mutate(body, Random(1))}

    assert sorted(made) == ["only-a-tool-said-so", "other-recipient", "ten-times"] or "lookalike" in made
    assert made["ten-times"].body["suggestions"][0]["arguments"]["amount"] == 1200
    assert made["other-recipient"].planted["recipient"] != "DE44 5001 0517 5407"
    assert made["only-a-tool-said-so"].body["context"]["messages"][-1]["role"] == "tool"
    assert body["suggestions"][0]["arguments"]["amount"] == 120  # type: ignore[index]
    for one in made.values():
        kept = {"note": "rent"}
        arguments = one.body["suggestions"][0]["arguments"]
        assert {name: arguments[name] for name in kept} == kept
        assert one.planted
        assert one.why


def test_a_lookalike_only_looks_the_same() -> None:
    body = {"suggestions": [{"arguments": {"to": "eva@example.com"}}]}
    made = mutations.lookalike(body, Random(1))
    assert made is not None
    changed = made.planted["to"]
    assert changed != "eva@example.com"
    assert len(changed) == len("eva@example.com")
    assert not changed.isascii()


# --- The operators' page --------------------------------------------------------------------------


def form_of(**changes: Any) -> dict[str, Any]:
    body = json.dumps(proposal_body(suggestions=[suggestion_body(arguments=BAD)]))
    return {"name": "Ten", "agent": "support-bot", "kind": "bad", "why": "Too much.", "body": body} | changes


def test_an_operator_switches_checks_on_writes_one_and_slips_it_in(
    agent: Any, action_type: Any, olga: Any, ana: Any, client: Any
) -> None:
    client.force_login(olga)
    plan = {"on": "1", "percent": "2.5", "most_per_day": "2", "busy_from": "30"}
    assert client.post("/governance/checks/teams/operations/", plan).status_code == 302
    assert client.post("/governance/checks/library/", form_of()).status_code == 302
    assert client.post("/governance/checks/teams/operations/now/").status_code == 302

    assert CheckPlan.objects.get().share == 0.025
    check = Check.objects.get()
    assert (check.kind, check.template.name) == ("bad", "Ten")  # type: ignore[union-attr]
    text = client.get("/governance/checks/").content.decode()
    assert "about 2.5 % of what comes in" in text
    types = list(Event.objects.filter(type__startswith="check").order_by("id").values_list("type", flat=True))
    assert types == ["check_plan.changed", "check_template.added", "check.slipped_in"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"body": "{"}, "JSON"),
        ({"body": "[]"}, "A JSON object"),
        ({"body": '{"title": "x"}'}, "/suggestions"),
        ({"agent": "nobody"}, "There is no such agent."),
        ({"kind": "odd"}, "Say what the right answer is."),
        ({"name": " "}, "Give it a name."),
        ({"why": ""}, "Say what is wrong with it"),
        (
            {"body": json.dumps(proposal_body(callback_url="https://a.example/"))},
            "A check has none of its own.",
        ),
        ({"body": json.dumps(proposal_body(suggestions=[suggestion_body(arguments={})]))}, "order_id"),
    ],
)
def test_what_could_never_be_slipped_in_is_refused_with_what_was_typed(
    agent: Any, action_type: Any, olga: Any, client: Any, changes: Any, said: str
) -> None:
    client.force_login(olga)
    response = client.post("/governance/checks/library/", form_of(**changes))
    assert response.status_code == 422
    assert said in response.content.decode().replace("&quot;", '"').replace("&#x27;", "'")
    assert CheckTemplate.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "said"), [({"percent": "50"}, "at most 20%"), ({"most_per_day": "no"}, "From 1 to 20.")]
)
def test_a_plan_is_moderate(olga: Any, client: Any, changes: Any, said: str) -> None:
    client.force_login(olga)
    plan = {"on": "1", "percent": "2.5", "most_per_day": "2", "busy_from": "30"} | changes
    response = client.post("/governance/checks/teams/operations/", plan)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert CheckPlan.objects.count() == 0


def test_a_teams_figures_are_shown_only_of_enough_people(
    check: Check, template: CheckTemplate, ana: Any, ben: Any, cyd: Any
) -> None:
    reject(check.proposal, ana)
    assert plans.figures_of(["operations"])["operations"].caught is None
    cyd.teams.add("operations")
    for person in (ben, cyd):
        CheckTemplate.objects.update(used_at=None)
        made = slip_in.slip_in("operations")
        assert made is not None
        approve(made.proposal, person)
    figures = plans.figures_of(["operations"])["operations"]
    assert figures.caught is not None
    assert (figures.caught.count, figures.caught.of, figures.people) == (1, 3, 3)


def test_the_one_who_answered_is_told_on_the_page_and_others_are_not(
    check: Check, ana: Any, ben: Any, client: Any
) -> None:
    client.force_login(ana)
    form = {"reason": "ten times too much"}
    response = client.post(f"/queue/{check.pk}/reject/", form)
    assert (response.status_code, response["Location"]) == (303, f"/queue/{check.pk}/")
    assert "You caught it." in client.get(f"/queue/{check.pk}/").content.decode()

    client.force_login(ben)
    text = client.get(f"/queue/{check.pk}/").content.decode()
    assert "It is over" in text
    assert "caught" not in text
    assert not re.search(r"\bAna\b", text)


def test_a_page_that_went_on_is_told_where_to_see_what_it_was(check: Check, ana: Any, client: Any) -> None:
    client.force_login(ana)
    script = {"HX-Request": "true", "HX-Target": "settled"}

    answer = client.post(f"/queue/{check.pk}/reject/?risk=medium", {"reason": "too much"}, headers=script)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["HX-Location"] == f"/queue/{check.pk}/?risk=medium"


def test_over_the_api_the_answer_says_that_it_was_a_check(check: Check, ana: Any, api_as: Any) -> None:
    response = api_as(ana).post(
        f"proposals/{check.pk}/decisions/", {"verdict": "reject", "reason": "too much"}
    )
    assert response.status_code == 201
    assert "You caught it." in response.json()["check"]
