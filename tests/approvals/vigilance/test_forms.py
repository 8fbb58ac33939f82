"""What operators and reviewers send about checks and samples, with everything that can be wrong in it."""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client

from approvals.models import Check, CheckPlan, CheckTemplate
from approvals.vigilance import plans, samples, samples_api
from audit.models import Event
from governance.models import Agent, Autonomy, User
from suggestions.models import Sample, SecondReview
from tests.approvals.desk.test_views import browser
from tests.approvals.vigilance.test_checks import template
from tests.conftest import actor_of, make_person, suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

__all__ = ["template"]
CHECKS = "/governance/checks/"
PLAN = {"on": "1", "percent": "5", "most_per_day": "2", "busy_from": "30", "from_past": "1"}


@pytest.fixture
def desk(olga: Any) -> Client:
    return browser(olga)


def sample_of(proposal: Any, **fields: Any) -> Sample:
    return Sample.objects.create(
        **{
            "proposal": proposal,
            "agent_id": proposal.agent_id,
            "action": proposal.action,
            "team_id": proposal.team_id,
            "status": "open",
            "share": 1,
            "opened_at": datetime.now(UTC),
            "deadline": datetime.now(UTC) + timedelta(days=1),
            **fields,
        }
    )


# --- Plans ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"percent": "0,5"}, (0.005, 2, 30, True)),
        ({"percent": "20"}, (0.2, 2, 30, True)),
        ({"most_per_day": "20", "busy_from": "1000"}, (0.05, 20, 1_000, True)),
        ({"most_per_day": "1", "busy_from": "1"}, (0.05, 1, 1, True)),
        ({"from_past": ""}, (0.05, 2, 30, False)),
    ],
)
def test_a_plan_at_its_limits_is_kept(desk: Client, changes: dict[str, str], kept: tuple[Any, ...]) -> None:
    answer = desk.post(f"{CHECKS}teams/operations/", {**PLAN, **changes}, follow=True)

    plan = CheckPlan.objects.get()
    assert (plan.share, plan.most_per_day, plan.busy_from, plan.from_past) == kept
    assert "Operations: checks are slipped in from now on." in answer.content.decode()
    assert Event.objects.filter(type="check_plan.changed").count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"percent": "0"}, "Above 0 and at most 20%."),
        ({"percent": "20.1"}, "Above 0 and at most 20%."),
        ({"percent": "-1"}, "Above 0 and at most 20%."),
        ({"percent": "nan"}, "Above 0 and at most 20%."),
        ({"percent": "1e1"}, "Above 0 and at most 20%."),
        ({"percent": ""}, "Above 0 and at most 20%."),
        ({"most_per_day": "0"}, "From 1 to 20."),
        ({"most_per_day": "21"}, "From 1 to 20."),
        ({"most_per_day": "٢"}, "From 1 to 20."),
        ({"most_per_day": "2.5"}, "From 1 to 20."),
        ({"busy_from": "0"}, "From 1 to 1,000."),
        ({"busy_from": "1001"}, "From 1 to 1,000."),
        ({"busy_from": "9" * 400}, "From 1 to 1,000."),
    ],
)
def test_a_plan_beyond_its_limits_changes_nothing(desk: Client, changes: dict[str, str], said: str) -> None:
    answer = desk.post(f"{CHECKS}teams/operations/", {**PLAN, **changes})

    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert not CheckPlan.objects.exists()
    assert not Event.objects.filter(type="check_plan.changed").exists()


@pytest.mark.parametrize("verb", ["", "now/"])
def test_a_team_that_is_none_has_no_plan(desk: Client, verb: str) -> None:
    assert desk.post(f"{CHECKS}teams/nobody/{verb}", PLAN).status_code == 404


def test_where_checks_are_off_none_is_slipped_in(desk: Client, template: CheckTemplate) -> None:
    answer = desk.post(f"{CHECKS}teams/operations/now/", follow=True)

    assert "None fits now: see that checks are on" in answer.content.decode()
    assert not Check.objects.exists()


def test_a_plan_that_is_taken_back_says_so(desk: Client) -> None:
    desk.post(f"{CHECKS}teams/operations/", PLAN)
    answer = desk.post(f"{CHECKS}teams/operations/", {**PLAN, "on": ""}, follow=True)
    assert "Operations: checks are no longer slipped in." in answer.content.decode()
    assert CheckPlan.objects.get().on is False


# --- The library ------------------------------------------------------------------------------------------


def test_what_was_taken_out_is_taken_out_once(desk: Client, template: CheckTemplate) -> None:
    address = f"{CHECKS}library/{template.pk}/retire/"
    first = desk.post(address, follow=True)
    second = desk.post(address, follow=True)

    assert "“Ten times” is not slipped in any more." in first.content.decode()
    assert "This check was taken out of the library before." in second.content.decode()
    assert Event.objects.filter(type="check_template.retired").count() == 1
    assert desk.post(f"{CHECKS}library/{uuid4()}/retire/").status_code == 404


def test_what_two_people_said_is_put_away_once(desk: Client, proposal: Any, ana: Any, ben: Any) -> None:
    review = SecondReview.objects.create(
        proposal=proposal, team_id="operations", first=ana, second=ben, share=1, deadline=Now()
    )
    address = f"{CHECKS}differed/{review.pk}/settle/"
    assert desk.post(address).status_code == 404  # nobody has answered yet
    SecondReview.objects.update(status="differed", verdict="reject", ended_at=Now())

    for _ in range(2):
        assert "Put away. Both of them still see it." in desk.post(address, follow=True).content.decode()
    assert Event.objects.filter(type="second_review.settled").count() == 1


def test_figures_are_those_of_a_team_and_of_no_single_person(
    propose: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    people = [ana, ben, make_person("eva", "reviewer")]
    results = ["caught", "missed", "right", "false_alarm", "passed_on"]
    for n, (person, result) in enumerate((p, r) for p in people for r in results):
        one = suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})
        kind = "good" if result in ("right", "false_alarm") else "bad"
        Check.objects.create(
            proposal=propose(suggestions=[one]),
            team_id="operations",
            kind=kind,
            why="x",
            result=result,
            reviewer=person,
            ended_at=Now(),
        )
    whole = plans.figures_of(["operations", "finance"])
    assert (whole["operations"].people, whole["operations"].slipped_in) == (3, 15)
    assert whole["operations"].caught is not None
    assert (whole["operations"].caught.count, whole["operations"].caught.of) == (3, 6)
    assert (whole["finance"].slipped_in, whole["finance"].caught, whole["finance"].people) == (0, None, 0)

    Check.objects.filter(reviewer=people[2]).update(slipped_in_at=Now() - timedelta(days=91))

    fewer = plans.figures_of(["operations"])["operations"]
    assert (fewer.people, fewer.slipped_in, fewer.caught, fewer.right) == (2, 10, None, None)
    assert plans.figures_of([]) == {}


# --- Samples ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/answer"),
        ({"answer": "yes"}, "/answer"),
        ({"answer": True}, "/answer"),
        ({"answer": "wrong"}, "/reason"),
        ({"answer": "wrong", "reason": " \n"}, "/reason"),
        ({"answer": "right", "reason": "x" * 2_001}, "/reason"),
        ({"answer": "right", "reason": None}, "/reason"),
        ({"answer": "right", "more": 1}, "/more"),
        ([], ""),
    ],
)
def test_an_answer_over_the_api_names_what_is_wrong(
    proposal: Any, ana: Any, api_as: Any, body: Any, pointer: str
) -> None:
    sample = sample_of(proposal)

    answer = api_as(ana).post(f"samples/{sample.pk}/answer/", body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    sample.refresh_from_db()
    assert (sample.status, Event.objects.filter(type="sample.answered").exists()) == ("open", False)


def answered(sample: Sample, ben: Any) -> None:
    samples.answer(sample, right=True, reviewer=ben, actor=actor_of(ben))


def overdue(sample: Sample, ben: Any) -> None:
    Sample.objects.update(deadline=Now() - timedelta(seconds=1))


def expired(sample: Sample, ben: Any) -> None:
    overdue(sample, ben)
    assert samples.expire_unanswered() == 1


def owned(sample: Sample, ben: Any) -> None:
    Agent.objects.update(owner=User.objects.get(username="ana"))


@pytest.mark.parametrize(
    ("meanwhile", "status", "said"),
    [
        (answered, 409, "This is not asked, or not any more."),
        (overdue, 409, "This is not asked, or not any more."),
        (expired, 409, "This is not asked, or not any more."),
        (owned, 403, "You own this agent, so somebody else has to say whether this was right."),
    ],
)
def test_an_answer_that_comes_too_late_costs_nobody_anything(
    proposal: Any, agent: Any, ana: Any, ben: Any, api_as: Any, meanwhile: Any, status: int, said: str
) -> None:
    Autonomy.objects.create(agent=agent, action="refund_payment", stage=4)
    sample = sample_of(proposal)
    client, api = browser(ana), api_as(ana)
    meanwhile(sample, ben)
    before = Sample.objects.values("status", "reviewer", "reason").get()

    page = client.post(f"/queue/{proposal.pk}/answer/", {"answer": "wrong", "reason": "It was too much."})
    answer = api.post(f"samples/{sample.pk}/answer/", {"answer": "wrong", "reason": "It was too much."})

    assert (page.status_code, answer.status_code) == (409, status)
    assert said in html.unescape(page.content.decode())
    assert answer.json()["detail"] == said
    assert Sample.objects.values("status", "reviewer", "reason").get() == before
    assert Autonomy.objects.get().stage == 4


@pytest.mark.parametrize("status", ["", "chosen", "OPEN", "nonsense", "open "])
def test_a_state_that_is_none_is_refused(ana: Any, api_as: Any, status: str) -> None:
    answer = api_as(ana).get(f"samples/?status={status}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?status")


@pytest.mark.parametrize("cursor", ["x", "1", "٣"])
def test_a_cursor_that_no_page_named_is_refused(ana: Any, api_as: Any, cursor: str) -> None:
    assert api_as(ana).get(f"samples/?cursor={cursor}").status_code == 422
    assert "Nothing to check" in browser(ana).get(f"/queue/check/?cursor={cursor}").content.decode()


@pytest.mark.parametrize("ended", [False, True])
def test_the_pages_hold_each_once(
    propose: Any, ana: Any, api_as: Any, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    monkeypatch.setattr(samples, "PAGE", 2)
    monkeypatch.setattr(samples_api, "PAGE", 2)
    moment = datetime.now(UTC) + timedelta(days=1)
    made = []
    for n in range(5):
        one = suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})
        fields = (
            {"status": "expired", "ended_at": moment}
            if ended
            else {"deadline": moment + timedelta(hours=n % 2)}
        )
        made.append(sample_of(propose(suggestions=[one]), **fields))

    on_pages: list[UUID] = []
    cursor = ""
    for _ in range(3):
        rows, cursor = samples.page(["operations"], ended=ended, cursor=cursor)
        on_pages += [row.pk for row in rows]
    over_the_api: list[str] = []
    following = ""
    for _ in range(3):
        status = "expired" if ended else "open"
        found = api_as(ana).get(f"samples/?status={status}&cursor={following}").json()
        over_the_api += [one["id"] for one in found["samples"]]
        following = found["next"]

    newest = sorted((one.pk for one in made), reverse=True)
    pressing = [one.pk for one in sorted(made, key=lambda one: (one.deadline, one.pk))]
    assert (on_pages, cursor) == (newest if ended else pressing, "")
    assert (over_the_api, following) == ([str(one) for one in newest], None)


@pytest.mark.parametrize(("waiting", "said"), [(0, ""), (1, "1"), (3, "3"), (4, "3+")])
def test_how_many_wait_is_counted_to_a_limit(
    propose: Any, agent: Any, monkeypatch: pytest.MonkeyPatch, waiting: int, said: str
) -> None:
    monkeypatch.setattr(samples, "MOST_COUNTED", 3)
    for n in range(waiting):
        sample_of(propose(suggestions=[suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})]))
    assert samples.how_many_wait(["operations"]) == said
    assert samples.how_many_wait(["finance"]) == samples.how_many_wait([]) == ""
