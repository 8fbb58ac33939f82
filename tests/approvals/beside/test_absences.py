"""Out of office: the deputy sees and decides, for one absent person at a time, and counts once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from approvals.beside import claims, standing_in
from approvals.deciding import may_decide
from approvals.live.access import standing_of
from approvals.models import Claim, Decision
from approvals.queue import read
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.door.teams import known_teams_of, slugs_of, teams_of, teams_of_each
from governance.models import Absence, Team, User
from governance.people import absences
from suggestions.models import Proposal
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import actor_of

HOUR = timedelta(hours=1)
BOTH = (
    "version: 1\ndefaults: {verdict: review, team: operations}\nrules:\n"
    "  - {name: both, when: 'true', then: {team: finance, verdict: review, approvals: %d}}\n"
    "  - {name: also, when: 'true', then: {team: operations}}\n"
)


def out(person: Any, deputy: Any, *, by: Any = None, **how: Any) -> Absence:
    by = by or person
    asked = {"until": timezone.now() + HOUR, **how}
    return absences.set_out(person, deputy=deputy, by=by, actor=actor_of(by), **asked)


@pytest.fixture
def deputy(ana: Any, cyd: Any) -> Any:
    """`cyd` of finance, who stands in for `ana` of operations."""
    out(ana, cyd)
    return cyd


# --- Seeing and deciding --------------------------------------------------------------------------


def test_the_deputy_sees_what_the_absent_person_is_asked(proposal: Any, deputy: Any) -> None:
    assert teams_of_each([deputy.pk]) == {deputy.pk: {"operations", "finance"}}
    assert {team.pk for team in read.teams_of(deputy)} == {"operations", "finance"}
    assert Proposal.objects.visible_to(deputy).get() == proposal


@pytest.mark.parametrize("when", ["now", "later", "over", "ended", "of somebody inactive"])
def test_the_teams_that_are_remembered_are_those_that_verbs_ask_for(ana: Any, cyd: Any, when: str) -> None:
    away = out(ana, cyd)
    rows, moment = Absence.objects.filter(pk=away.pk), timezone.now()
    if when == "later":
        rows.update(since=moment + HOUR, until=moment + 2 * HOUR)
    elif when == "over":
        rows.update(since=moment - 2 * HOUR, until=moment - HOUR)
    elif when == "ended":
        rows.update(ended_at=moment)
    elif when == "of somebody inactive":
        User.objects.filter(pk=ana.pk).update(is_active=False)
    person = User.objects.get(pk=cyd.pk)
    assert known_teams_of(person) == list(teams_of(person).order_by("name"))
    assert slugs_of(person) == ({"finance", "operations"} if when == "now" else {"finance"})


def test_an_open_page_of_the_deputy_hears_of_it(deputy: Any, client: Any) -> None:
    client.force_login(deputy)
    key = (deputy.pk, client.session.session_key)
    [standing] = standing_of([key]).values()
    assert standing.desk
    assert standing.desk.teams == {"operations", "finance"}


def test_the_deputy_decides_and_the_log_says_for_whom(proposal: Any, deputy: Any, ana: Any) -> None:
    assert approve(proposal, deputy).resolution is not None

    assert Decision.objects.get().for_user == ana
    [event] = [json.loads(e.body) for e in Event.objects.filter(type="decision.made")]
    assert (event["actor"]["name"], event["data"]["for"]) == ("Cyd", str(ana.pk))


def test_without_an_absence_or_after_it_they_do_not(proposal: Any, deputy: Any, ana: Any) -> None:
    absences.end(Absence.objects.get(), by=ana, actor=actor_of(ana))

    assert not Proposal.objects.visible_to(deputy).exists()
    with pytest.raises(may_decide.NotInTeam):
        approve(proposal, deputy)


@pytest.mark.parametrize("when", ["not yet", "over", "left the house"])
def test_nor_before_it_begins_once_it_is_over_or_for_whom_has_left(
    proposal: Any, deputy: Any, ana: Any, when: str
) -> None:
    if when == "not yet":
        Absence.objects.update(since=Now() + HOUR / 2)
    elif when == "over":
        Absence.objects.update(since=F("since") - 2 * HOUR, until=F("until") - HOUR * 3 / 2)
    else:
        User.objects.filter(pk=ana.pk).update(is_active=False)
    assert teams_of_each([deputy.pk]) == {deputy.pk: {"finance"}}
    assert [team.pk for team in teams_of(deputy)] == ["finance"]
    with pytest.raises(may_decide.NotInTeam):
        reject(proposal, deputy)


def test_chains_are_not_followed(proposal: Any, ana: Any, cyd: Any) -> None:
    from tests.conftest import make_person

    eve = make_person("eve", "reviewer", team="legal")
    out(ana, cyd)
    out(cyd, eve)
    assert {team.pk for team in teams_of(eve)} == {"legal", "finance"}
    with pytest.raises(may_decide.NotInTeam):
        approve(proposal, eve)


# --- Nobody counts twice --------------------------------------------------------------------------


def test_a_deputy_who_is_asked_themselves_speaks_for_themselves_alone(
    propose: Any, policy: Any, deputy: Any, ana: Any, ben: Any
) -> None:
    policy(BOTH % 1)
    proposal = propose()

    assert approve(proposal, deputy).resolution is None  # finance has agreed, operations has not
    assert Decision.objects.get().for_user is None
    assert approve(proposal, ben).resolution is not None


def test_in_the_place_of_one_team_nobody_speaks_for_the_other(
    propose: Any, policy: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    policy(BOTH % 1)
    from tests.conftest import make_person

    eve = make_person("eve", "reviewer", team="legal")
    out(ana, eve)
    proposal = propose()

    assert approve(proposal, eve).resolution is None
    assert approve(proposal, cyd).resolution is not None


def test_who_has_spoken_has_no_deputy_on_that(
    propose: Any, policy: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 2}\n")
    proposal = propose()
    approve(proposal, ana)
    out(ana, cyd)

    with pytest.raises(may_decide.NotInTeam):
        approve(proposal, cyd)
    assert approve(proposal, ben).resolution is not None


def test_who_comes_back_has_spoken_through_the_deputy(
    propose: Any, policy: Any, deputy: Any, ana: Any, ben: Any
) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 2}\n")
    proposal = propose()
    approve(proposal, deputy)

    with pytest.raises(may_decide.AlreadyDecided, match="Your deputy"):
        approve(proposal, ana)
    assert approve(proposal, ben).resolution is not None


def test_the_database_lets_nobody_be_spoken_for_twice(
    propose: Any, policy: Any, deputy: Any, ana: Any, ben: Any
) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 3}\n")
    approve(propose(), deputy)
    first = Decision.objects.get()
    with pytest.raises(IntegrityError):
        Decision.objects.create(
            proposal=first.proposal,
            reviewer=ben,
            for_user=ana,
            verdict="approve",
            suggestion=first.suggestion,
            action_digest=first.action_digest,
        )


def test_nobody_approves_in_the_place_of_the_agents_owner(
    proposal: Any, agent: Any, deputy: Any, ana: Any
) -> None:
    agent.owner = ana
    agent.save()
    with pytest.raises(may_decide.OwnAgent):
        approve(proposal, deputy)
    assert reject(proposal, deputy).resolution is not None


# --- Claims ---------------------------------------------------------------------------------------


def test_claims_end_and_what_was_assigned_goes_to_the_deputy(
    propose: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    own, assigned, others = propose(), propose(), propose()
    claims.claim(own.pk, user=ana, actor=actor_of(ana))
    claims.assign(assigned.pk, to=ana, by=ben, actor=actor_of(ben))
    claims.claim(others.pk, user=ben, actor=actor_of(ben))
    out(ana, cyd)

    assert [standing_in.begin_due(), standing_in.begin_due()] == [1, 0]

    found = {claim.proposal_id: (claim.user, claim.by) for claim in Claim.objects.all()}
    assert found == {assigned.pk: (cyd, ben), others.pk: (ben, ben)}
    [event] = [json.loads(e.body) for e in Event.objects.filter(type="absence.begun")]
    assert event["data"]["claims"] == 2
    with pytest.raises(Invalid) as refused:
        claims.assign(own.pk, to=ana, by=ben, actor=actor_of(ben))
    assert refused.value.errors == [{"pointer": "/to", "detail": "Ana is out of office."}]


# --- Saying so ------------------------------------------------------------------------------------


def test_what_makes_no_sense_is_refused(ana: Any, ben: Any, cyd: Any, dora: Any) -> None:
    def pointer(*args: Any, **how: Any) -> str:
        with pytest.raises(Invalid) as refusal:
            out(*args, **how)
        return str(refusal.value.errors[0]["pointer"])

    now = timezone.now()
    assert pointer(ana, ana) == "/deputy"
    assert pointer(ana, dora) == "/deputy"  # an auditor decides on nothing
    assert pointer(ana, ben, until=now - HOUR) == "/until"
    assert pointer(ana, ben, since=now + 2 * HOUR, until=now + HOUR) == "/until"
    assert pointer(ana, ben, until=now + timedelta(days=400)) == "/until"
    assert pointer(ana, ben, reason="x" * 201) == "/reason"
    out(ana, ben)
    assert pointer(ana, cyd) == "/since"
    assert pointer(ben, ana) == "/deputy"  # who is away then
    assert Absence.objects.count() == 1


def test_others_are_set_out_by_operators_alone(ana: Any, ben: Any, cyd: Any, olga: Any) -> None:
    with pytest.raises(absences.NotYourAbsence):
        out(ana, cyd, by=ben)
    found = out(ana, cyd, by=olga)
    with pytest.raises(absences.NotYourAbsence):
        absences.end(found, by=cyd, actor=actor_of(cyd))
    absences.end(found, by=olga, actor=actor_of(olga))
    with pytest.raises(absences.NothingToEnd):
        absences.end(found, by=ana, actor=actor_of(ana))


def test_the_log_holds_no_reason(ana: Any, ben: Any) -> None:
    out(ana, ben, reason="a knee operation")
    [event] = Event.objects.filter(type="absence.set")
    assert "knee" not in event.body
    assert json.loads(event.body)["data"]["reason"].startswith("sha256:")


def test_a_team_whose_members_are_away_is_asked_through_their_deputies(ana: Any, cyd: Any) -> None:
    from governance.door.deciders import who_could_decide

    out(ana, cyd)
    assert set(who_could_decide(["operations"])) == {ana, cyd}
    assert Team.objects.filter(pk="operations").exists()
