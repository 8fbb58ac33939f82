"""Pages: who is told of an incident and of what needs attention, at once and even at night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from approvals.models import Notice, Wishes
from approvals.models.kinds import Kind
from approvals.telling.due import due
from approvals.telling.tell import in_words, still_news
from audit.ground.actors import SYSTEM, WORKER
from audit.log.record import record
from execution.models import Attention, Execution
from governance.models import Incident, Team, User
from governance.trust import incidents
from tests.approvals.deciding.test_decide import approve
from tests.conftest import actor_of, make_person
from tests.sealed import follow

LONG_AGO = timedelta(days=1)


@pytest.fixture
def following(db: None) -> Any:
    """The log is read from here on."""
    follow()
    return follow


def opened(proposal: Any = None, team: str = "operations") -> Incident:
    return incidents.open_incident(
        Incident.Kind.MISMATCH,
        "Not there.",
        actor=SYSTEM,
        cause="x",
        team=Team.objects.get(pk=team),
        proposal=proposal.pk if proposal else None,
    ).incident


def told(kind: Kind) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("user__username", flat=True))


def page_again(incident: Incident, *, to: Team | None = None, over: bool = False) -> None:
    ends = {"escalate_at": Now() - LONG_AGO} if over else {}
    Incident.objects.update(remind_at=Now() - LONG_AGO, **ends)
    assert incidents.page_again(incident.pk, escalate_to=to)


def test_an_incident_pages_its_team_whatever_it_is_about(
    following: Any, propose: Any, ana: Any, ben: Any, cyd: Any, olga: Any
) -> None:
    incident = opened()
    following()

    assert told(Kind.INCIDENT) == ["ana", "ben"]
    notice = Notice.objects.get(user=ana)
    words = in_words(notice)
    assert words.text == "An incident of Operations waits for somebody to take it on"
    assert words.path == f"/incidents/{incident.pk}/"
    assert (notice.urgent, notice.proposals, notice.by_browser) == (True, [], True)


def test_reminders_are_lines_of_their_own_until_somebody_takes_it_on(
    following: Any, ana: Any, ben: Any
) -> None:
    incident = opened()
    following()
    page_again(incident)
    following()
    assert told(Kind.INCIDENT) == ["ana", "ana", "ben", "ben"]

    incidents.acknowledge(incident, by=ben, actor=actor_of(ben))
    lines = list(Notice.objects.filter(user=ana))

    assert {news.count for news in still_news(ana.pk, lines).values()} == {0}


def test_it_is_news_while_nobody_has_taken_it_on(following: Any, ana: Any) -> None:
    opened()
    following()
    [line] = Notice.objects.filter(user=ana)
    assert still_news(ana.pk, [line])[line.pk].count == 1


def test_once_its_time_is_over_the_next_team_or_operators_are_paged_too(
    following: Any, ana: Any, cyd: Any, olga: Any
) -> None:
    incident = opened()
    following()
    page_again(incident, to=Team.objects.get(pk="finance"), over=True)
    following()
    assert told(Kind.INCIDENT) == ["ana", "ana", "cyd"]

    Incident.objects.update(escalated_to=None)
    page_again(incident)
    following()
    assert told(Kind.INCIDENT) == ["ana", "ana", "ana", "cyd", "olga"]


def test_a_team_of_nobody_is_no_excuse(following: Any, ana: Any, olga: Any) -> None:
    Team.objects.create(slug="empty", name="Empty")
    opened(team="empty")
    following()
    assert told(Kind.INCIDENT) == ["olga"]


def test_incidents_of_agents_page_nobody(following: Any, agent: Any, ana: Any, olga: Any) -> None:
    incidents.open_incident(Incident.Kind.DRIFT, "x", actor=SYSTEM, agent=agent)
    following()
    assert not Notice.objects.exists()


# --- What needs attention -------------------------------------------------------------------------


def happens(event: str, proposal: Any, **facts: Any) -> None:
    with transaction.atomic():
        record(event, actor=WORKER, proposal=proposal.pk, data={"execution": "x", **facts})


def test_what_needs_attention_tells_its_approver_its_team_and_who_can_do_something(
    following: Any, propose: Any, ana: Any, ben: Any, cyd: Any, olga: Any
) -> None:
    proposals = [propose(), propose()]
    for proposal in proposals:
        approve(proposal, ana)
    following()
    Notice.objects.all().delete()
    for proposal in proposals:
        happens("execution.needs_attention", proposal, reason="The shop is away.")
    following()

    assert told(Kind.ATTENTION) == ["ana", "ana"]
    assert told(Kind.STUCK) == ["ben", "olga"]  # one line each, that counts
    assert set(Notice.objects.filter(kind=Kind.STUCK).values_list("count", flat=True)) == {2}
    assert in_words(Notice.objects.get(user=ben)).text.startswith(
        "2 things approved for Operations are not carried out as they should be"
    )


def test_operators_are_not_told_at_once_where_the_team_has_one(
    following: Any, propose: Any, ana: Any, olga: Any
) -> None:
    own = make_person("otto", "operator")
    own.teams.add(Team.objects.get(pk="operations"))
    proposal = propose()
    happens("attention.reminded", proposal, team="operations", reminders=1, deadline="x")
    following()
    assert told(Kind.STUCK) == ["ana", "otto"]

    happens("attention.escalated", proposal, team="operations", since="x")
    following()
    assert told(Kind.STUCK) == ["ana", "olga", "otto"]


def test_of_a_team_that_the_proposal_is_not_for_its_operators_are_told(
    following: Any, propose: Any, ana: Any, cyd: Any, olga: Any
) -> None:
    proposal = propose()
    happens("attention.reminded", proposal, team="finance", reminders=1, deadline="x")
    following()
    assert told(Kind.STUCK) == ["olga"]  # for cyd, who sees only what is for Finance, may not know of it

    Notice.objects.all().delete()
    make_person("otto", "operator").teams.add(Team.objects.get(pk="finance"))
    approve(proposal, ana)
    execution = Execution.objects.get()
    Attention.objects.create(execution=execution, team_id="finance", deadline=Now() + LONG_AGO)
    happens("execution.needs_attention", proposal, reason="The shop is away.")
    following()
    assert (told(Kind.STUCK), told(Kind.ATTENTION)) == (["otto"], ["ana"])


# --- At night -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("breaks", "at_once"), [(True, True), (False, False)])
def test_an_incident_rings_at_night_for_those_who_wish_it(ana: User, breaks: bool, at_once: bool) -> None:
    night = datetime(2026, 6, 1, 23, tzinfo=UTC)  # a Monday
    wishes = Wishes(user=ana, quiet_days=["mon"], critical_breaks_quiet=breaks)
    notice = Notice(user=ana, kind=Kind.INCIDENT, risk=2, urgent=True, due_at=night, at=night)
    assert (due(notice, wishes, night) <= night) is at_once
