"""What a team carries out by hand: from the hand-over to the receipt, by verbs, API and notices."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from approvals.models import Notice
from audit.ground.refusals import Invalid
from audit.models import Event
from execution.desk import attend
from execution.handing_back.begin import NotHandedBack, begin
from execution.handing_back.hand_back import report_result
from execution.manual import tasks
from execution.manual.remind import remind_due
from execution.manual.tasks import NotOfTheTeam, SaysNothing, TaskIsOver
from execution.models import Execution, ManualTask
from execution.running import overdue
from execution.running.run import run
from governance.actions import workflow as workflows
from governance.models import Team
from governance.trust import halts
from tests.conftest import make_person
from tests.execution.conftest import events_of, run_to_rest, step, tried, workflow
from tests.queries import spent
from tests.sealed import follow

FORM = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "minimum": 0},
        "receipt": {"type": "string", "minLength": 1},
        "method": {"enum": ["card", "bank"]},
    },
    "required": ["receipt", "amount"],
    "additionalProperties": False,
}
ANSWER = {"receipt": "R-1", "amount": 54.04}


def to_team(*, form: Any = FORM, within: str = "4h", **rest: Any) -> dict[str, Any]:
    to = {"team": "Finance", "title": "Pay it back", **({"form": form} if form else {})}
    return step({"kind": "handback", "to": to, "within": within}, **rest)


@pytest.fixture
def handed(approved: Callable[..., Any], cyd: Any) -> Callable[..., Any]:
    """`handed(…)` is the open task of an approved execution; `cyd` is of the team that does it."""

    def hand(plan: Any = None) -> Any:
        execution = approved(plan or workflow(to_team()))
        run(execution.pk)
        return ManualTask.objects.open().select_related("execution").get(execution=execution)

    return hand


def now(task: Any) -> Any:
    return Execution.objects.get(pk=task.execution_id)


def test_a_team_does_it_and_its_answer_and_name_are_the_receipt(handed: Any, cyd: Any) -> None:
    task = handed()
    assert (now(task).status, now(task).reason) == ("handed_back", "The team Finance carries it out by hand.")

    tasks.claim(task, by=cyd)
    tasks.report_done(task, by=cyd, answer=ANSWER, comment="In the bank's list of today.")
    execution = run_to_rest(now(task))

    assert (execution.status, tried(execution)) == ("succeeded", [("1", "succeeded")])
    done = execution.steps.get()
    assert done.answer == {"status": None, "json": ANSWER}
    assert done.receipt == {
        "route": "1. hand to the team Finance",
        "done_by": cyd.printed_name,
        "task": str(task.pk),
        "verified": None,
    }
    assert [name for name in events_of(execution) if name.startswith("manual_task.")] == [
        "manual_task.opened",
        "manual_task.claimed",
        "manual_task.done",
    ]
    assert "bank" not in "".join(Event.objects.values_list("body", flat=True))
    with pytest.raises(TaskIsOver):
        tasks.report_done(task, by=cyd, answer=ANSWER)


def test_what_could_not_be_done_is_put_before_a_person_and_can_be_handed_over_again(
    handed: Any, cyd: Any, olga: Any
) -> None:
    task = handed()
    with pytest.raises(SaysNothing):
        tasks.give_up(task, by=cyd, reason="  ")
    tasks.give_up(task, by=cyd, reason="The account is closed.")

    execution = run_to_rest(now(task))
    assert (execution.status, tried(execution)) == ("needs_attention", [("1", "refused")])
    told = f"Step refund: Finance could not do it ({cyd.printed_name}): The account is closed."
    assert execution.reason == told

    attend.retry(execution, by=olga)
    run(execution.pk)
    again = ManualTask.objects.open().get(execution=execution)
    assert (again.pk != task.pk, again.round) == (True, 2)


def test_the_effect_is_proved_where_the_workflow_says_how(handed: Any, cyd: Any, shop: Any) -> None:
    verify = {"method": "GET", "url": f"{shop.url}/paid", "expect": "response.json.paid == true"}
    shop.will("/paid", (200, {"paid": True}, {}))
    task = handed(workflow(to_team(verify=verify)))
    tasks.report_done(task, by=cyd, answer=ANSWER)

    execution = run_to_rest(now(task))
    assert (execution.status, execution.steps.get().receipt["verified"]) == ("succeeded", True)
    assert len(shop.asked("/paid")) == 1


@pytest.mark.parametrize(
    ("answer", "pointer"),
    [
        (None, "/answer"),
        ({"receipt": "R-1"}, "/answer"),
        ({**ANSWER, "amount": -1}, "/answer/amount"),
        ({**ANSWER, "method": "cash"}, "/answer/method"),
        ({**ANSWER, "more": 1}, "/answer"),
        ({**ANSWER, "receipt": "x" * 70_000}, "/answer"),
    ],
)
def test_what_does_not_fit_the_form_is_no_answer(handed: Any, cyd: Any, answer: Any, pointer: str) -> None:
    task = handed()
    with pytest.raises(Invalid) as refused:
        tasks.report_done(task, by=cyd, answer=answer)
    assert refused.value.errors[0]["pointer"] == pointer
    assert now(task).status == "handed_back"


def test_without_a_form_somebody_says_what_was_done(handed: Any, cyd: Any) -> None:
    task = handed(workflow(to_team(form=None)))
    with pytest.raises(SaysNothing):
        tasks.report_done(task, by=cyd, answer=None)
    with pytest.raises(Invalid):
        tasks.report_done(task, by=cyd, answer={"a": 1}, comment="Paid.")
    tasks.report_done(task, by=cyd, answer=None, comment="Paid.")
    assert run_to_rest(now(task)).status == "succeeded"


def test_only_the_team_does_it(handed: Any, cyd: Any, ana: Any, olga: Any) -> None:
    task = handed()
    for other in (ana, olga):
        for verb in (tasks.claim, tasks.release):
            with pytest.raises(NotOfTheTeam):
                verb(task, by=other)
        with pytest.raises(NotOfTheTeam):
            tasks.report_done(task, by=other, answer=ANSWER)
        with pytest.raises(NotOfTheTeam):
            tasks.give_up(task, by=other, reason="No.")
    assert not ManualTask.objects.visible_to(ana).exists()
    assert ManualTask.objects.visible_to(olga).get() == task


def test_a_claim_tells_others_and_is_taken_over_and_let_go(handed: Any, cyd: Any) -> None:
    task, eve = handed(), make_person("eve", "reviewer", team="finance")
    tasks.claim(task, by=cyd)
    tasks.claim(task, by=cyd)  # nothing new
    taken = tasks.claim(task, by=eve)
    tasks.release(task, by=cyd)  # it is not hers any more
    assert ManualTask.objects.get().claimed_by == eve == taken.claimed_by
    tasks.release(task, by=eve)
    assert ManualTask.objects.get().claimed_by is None
    events = Event.objects.filter(type__startswith="manual_task.").order_by("pk")
    assert [(e.type, json.loads(e.body)["data"].get("taken_over_from")) for e in events] == [
        ("manual_task.opened", None),
        ("manual_task.claimed", None),
        ("manual_task.claimed", str(cyd.pk)),
        ("manual_task.released", None),
    ]


def test_the_agent_has_nothing_to_do_with_it(handed: Any, agent: Any, api: Any) -> None:
    task = handed()
    proposal = task.execution.proposal
    with pytest.raises(NotHandedBack):
        begin(proposal, agent=agent, key="k")
    with pytest.raises(NotHandedBack):
        report_result(proposal, agent=agent, outcome="succeeded")
    told = api.get(f"proposals/{proposal.pk}/execution/").json()
    assert (told["status"], told["arguments"]) == ("handed_back", None)


def test_what_is_not_told_in_time_is_put_before_a_person(handed: Any, cyd: Any) -> None:
    task = handed()
    Execution.objects.filter(pk=task.execution_id).update(deadline=Now())
    assert overdue.end_what_is_overdue() == 1
    told = ("needs_attention", "The team Finance did not report a result in time.")
    assert (now(task).status, now(task).reason) == told
    with pytest.raises(TaskIsOver):
        tasks.report_done(task, by=cyd, answer=ANSWER)
    assert not ManualTask.objects.open().exists()


def test_what_ends_otherwise_ends_for_the_team_too(handed: Any, cyd: Any, olga: Any) -> None:
    task = handed()
    attend.mark_done(now(task), by=olga, evidence="Seen in the bank's list.")
    with pytest.raises(TaskIsOver):
        tasks.give_up(task, by=cyd, reason="No.")


def test_the_team_is_told_when_it_comes_and_before_its_time_is_over(handed: Any, cyd: Any, ana: Any) -> None:
    follow()
    task = handed()
    follow()
    [notice] = Notice.objects.filter(kind="by_hand")
    assert (notice.user, notice.team_id, notice.proposals) == (cyd, "finance", [task.execution.proposal_id])

    assert remind_due() == 0
    Execution.objects.filter(pk=task.execution_id).update(deadline=Now() + timedelta(seconds=3000))
    assert (remind_due(), remind_due()) == (1, 0)
    Notice.objects.update(read_at=Now())
    follow()
    assert [one.user for one in Notice.objects.filter(kind="by_hand", read_at=None)] == [cyd]


def test_the_time_of_what_a_kill_switch_holds_is_not_over(handed: Any, olga: Any) -> None:
    task = handed()
    halts.throw("everything", reason="Look first.", by=olga, actor=olga.as_actor())
    Execution.objects.filter(pk=task.execution_id).update(deadline=Now())
    assert overdue.end_what_is_overdue() == 0


def test_a_team_that_is_gone_is_asked_for_nothing(approved: Callable[..., Any], cyd: Any) -> None:
    execution = approved(workflow(to_team()))
    Team.objects.get(slug="finance").delete()
    run(execution.pk)
    execution.refresh_from_db()
    told = ("needs_attention", "Step refund: there is no team Finance to hand it to.")
    assert (execution.status, execution.reason) == told


def test_a_workflow_names_a_team_that_is_there_and_a_form_that_can_be_filled_in(cyd: Any) -> None:
    def mistakes(**to: Any) -> list[str]:
        return [str(one) for one in workflows.mistakes(workflow(step({"kind": "handback", "to": to})), {})]

    assert mistakes(team="finance", form=FORM) == []
    assert mistakes(team="FINANCE") == []
    [said] = mistakes(team="Payments")
    assert said.startswith("steps.0.routes.0.to.team: there is no team Payments; there are Finance")
    assert mistakes(team="Finance", form={"type": "array"})[0].startswith("steps.0.routes.0.to.form")
    assert mistakes(team="Finance", form={"type": "object", "properties": {"a": {"type": "money"}}})


# --- Over the API -----------------------------------------------------------------------------------


def test_the_api_lists_claims_and_ends_tasks(handed: Any, cyd: Any, ana: Any, api_as: Any) -> None:
    task = handed()
    here = f"manual-tasks/{task.pk}/"
    mine, others = api_as(cyd), api_as(ana)
    [listed] = mine.get("manual-tasks/").json()["tasks"]
    arguments = task.execution.proposal.resolution.arguments
    assert mine.get(here).json() == {**listed, "arguments": arguments}
    assert (listed["title"], listed["form"], listed["is_open"]) == ("Pay it back", FORM, True)
    assert others.get("manual-tasks/").json()["tasks"] == []
    assert [others.get(here).status_code, others.post(f"{here}done/", {"answer": ANSWER}).status_code] == [
        404,
        404,
    ]

    assert mine.post(f"{here}claim/").json()["claimed_by"] == cyd.printed_name
    assert mine.post(f"{here}release/").json()["claimed_by"] is None
    wrong = mine.post(f"{here}done/", {"answer": {"receipt": "R-1"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/answer")
    assert mine.post(f"{here}given-up/", {"reason": ""}).status_code == 422
    done = mine.post(f"{here}done/", {"answer": ANSWER, "comment": "Paid."})
    assert (done.status_code, done.json()["status"], done.json()["ended_by"]) == (
        200,
        "done",
        cyd.printed_name,
    )
    assert mine.post(f"{here}given-up/", {"reason": "No."}).status_code == 409
    assert mine.get("manual-tasks/").json()["tasks"] == []
    assert len(mine.get("manual-tasks/?status=ended").json()["tasks"]) == 1


def test_the_list_asks_as_often_for_many_as_for_one(
    approved: Callable[..., Any], cyd: Any, api_as: Any
) -> None:
    for _ in range(3):
        run(approved(workflow(to_team())).pk)
    mine = api_as(cyd)
    mine.get("manual-tasks/")
    with spent() as three:
        assert len(mine.get("manual-tasks/").json()["tasks"]) == 3
    ManualTask.objects.exclude(pk=ManualTask.objects.first().pk).delete()
    with spent() as one:
        assert len(mine.get("manual-tasks/").json()["tasks"]) == 1
    assert len(three.statements) == len(one.statements)
