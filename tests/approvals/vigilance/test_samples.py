"""What passed by itself is checked afterwards, now and then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.deciding.may_decide import NotInTeam
from approvals.vigilance import samples
from audit.ground.refusals import Invalid
from audit.models import Event
from execution.handing_back.hand_back import report_result
from execution.running.schedule import adopt
from governance.models import Autonomy, Incident, StageChange
from suggestions.models import Callback, Proposal, Sample
from tests.conftest import DEPLOYED, actor_of, in_force
from tests.execution.conftest import tamper

pytestmark = pytest.mark.django_db
HOOK = "https://agent.example/hook"


def passing(sample: str = "1", rules: str = "") -> None:
    in_force(f"version: 1\ndefaults: {{verdict: auto_approve, sample: {sample}}}\n{rules}")


@pytest.fixture
def passed(propose: Any, trusted: Any) -> Any:
    """A proposal that passed and was chosen, and is not carried out yet."""
    passing()
    return propose(provenance=DEPLOYED, callback_url=HOOK)


@pytest.fixture
def asked(passed: Any, agent: Any) -> Any:
    """Its sample, once it was carried out and is asked about."""
    adopt()
    report_result(passed, agent=agent, outcome="succeeded")
    assert samples.open_carried_out() == 1
    return Sample.objects.get()


def said(event_type: str) -> Any:
    return json.loads(Event.objects.get(type=event_type).body)["data"]


def answer(sample: Any, by: Any, *, right: bool = True, reason: str = "") -> Any:
    return samples.answer(sample, right=right, reviewer=by, actor=actor_of(by), reason=reason)


@pytest.mark.parametrize(
    ("chance", "share", "chosen"),
    [(0.0, "0", 0), (0.0499, "5%", 1), (0.05, "5%", 0), (0.0499, "", 1), (0.05, "", 0), (0.999, "1", 1)],
)
def test_chance_chooses_the_share_that_the_policy_says(
    propose: Any, trusted: Any, monkeypatch: Any, chance: float, share: str, chosen: int
) -> None:
    monkeypatch.setattr("suggestions.intake.samples._chance.random", lambda: chance)
    said = f", sample: {share}" if share else ""
    in_force(f"version: 1\ndefaults: {{verdict: auto_approve{said}}}")
    assert propose(provenance=DEPLOYED).status == "approved"
    assert Sample.objects.count() == chosen


def test_the_dice_are_the_systems_own() -> None:
    from secrets import SystemRandom

    from suggestions.intake.samples import _chance

    assert isinstance(_chance, SystemRandom)


def test_of_several_rules_the_greatest_share_counts(propose: Any, trusted: Any) -> None:
    rules = "\n".join(
        f"  - {{name: r{n}, when: 'true', then: {{verdict: auto_approve, sample: {share}}}}}"
        for n, share in enumerate(["0.2", "75%", "0"])
    )
    passing("1", f"rules:\n{rules}")
    assert propose(provenance=DEPLOYED).verdict["sample"] == 0.75


@pytest.mark.parametrize("share", ["101%", "-1", "1.5", "much", "true"])
def test_a_share_is_a_share(db: None, share: str) -> None:
    with pytest.raises(Invalid):
        passing(share)


def test_what_people_approved_is_not_sampled(proposal: Any, ana: Any) -> None:
    passing()
    from approvals.deciding import decide

    suggestion = proposal.suggestions.get()
    decide.approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest)
    assert not Sample.objects.exists()


def test_it_is_asked_once_it_was_carried_out(passed: Any, agent: Any) -> None:
    sample = Sample.objects.get()
    assert (sample.status, sample.team_id, said("sample.chosen")["share"]) == ("chosen", "operations", 1.0)
    adopt()
    assert samples.open_carried_out() == 0

    report_result(passed, agent=agent, outcome="succeeded")
    version = Proposal.objects.get().version

    assert (samples.open_carried_out(), samples.open_carried_out()) == (1, 0)
    sample.refresh_from_db()
    assert (sample.status, sample.deadline - sample.opened_at) == ("open", samples.ANSWER_WITHIN)
    assert Proposal.objects.get().version == version + 1


def test_right_is_one_answer(asked: Any, ana: Any, ben: Any) -> None:
    assert answer(asked, ana).status == "right"
    with pytest.raises(samples.NotAsked):
        answer(asked, ben, right=False, reason="no")
    assert said("sample.answered")["answer"] == "right"
    assert Autonomy.objects.get().stage == 4
    assert not Incident.objects.exists()


def test_wrong_costs_the_stage_at_once_and_tells_the_agent(asked: Any, ana: Any) -> None:
    with pytest.raises(Invalid):
        answer(asked, ana, right=False, reason=" ")

    answer(asked, ana, right=False, reason="never ordered")

    assert Autonomy.objects.get().stage == 2
    incident = Incident.objects.get()
    assert (incident.kind, incident.detail, incident.opened_by) == ("sample", "never ordered", ana)
    assert (incident.proposal, StageChange.objects.get().incident) == (asked.proposal_id, incident)
    told = Callback.objects.get(type="sample.answered").data
    assert (told["answer"], told["reason"]) == ("wrong", "never ordered")
    assert "never ordered" not in "".join(Event.objects.values_list("body", flat=True))


def test_it_is_answered_by_the_asked_team_and_not_by_the_owner(
    asked: Any, cyd: Any, olga: Any, agent: Any
) -> None:
    with pytest.raises(NotInTeam):
        answer(asked, cyd)
    olga.teams.add("operations")
    with pytest.raises(samples.OwnSample):
        answer(asked, olga)
    assert Sample.objects.get().status == "open"


def test_silence_is_no_answer(asked: Any, ana: Any) -> None:
    assert samples.expire_unanswered() == 0
    tamper("UPDATE suggestions_sample SET deadline = now() - interval '1 second'")
    with pytest.raises(samples.NotAsked):
        answer(asked, ana)
    assert (samples.expire_unanswered(), samples.expire_unanswered()) == (1, 0)
    asked.refresh_from_db()
    assert (asked.status, asked.reviewer, bool(asked.ended_at)) == ("expired", None, True)
    assert Event.objects.filter(type="sample.expired").count() == 1


def test_the_agent_does_not_learn_that_it_was_chosen(passed: Any, api: Any) -> None:
    answered = api.get(f"proposals/{passed.pk}/").content.decode()
    assert str(Sample.objects.get().pk) not in answered
    assert "chosen" not in answered
    assert not Callback.objects.filter(type__startswith="sample").exists()
