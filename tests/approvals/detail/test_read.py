"""A proposal that is read in one statement is what Django reads in many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Model

from approvals.attention import looks
from approvals.beside import claims, comments
from approvals.deciding import decide
from approvals.detail.bar import handing_on
from approvals.detail.read import whole_of
from approvals.models import Claim, Comment, Decision
from audit.statements.prepared import execute
from governance.door.deciders import who_could_decide, who_may_decide
from governance.models import Absence, Deployment, Team, User
from suggestions.models import Proposal, Resolution, SecondReview, Suggestion, seen_by, visible_sql
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import actor_of, make_person, suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

NOW = datetime.now(UTC)
PROVENANCE = {"deployment": "support-bot@14"}
ODD = {
    "provenance": PROVENANCE,
    "title": "“Odd” \\u0000 \\ue000 ünïcode",
    "suggestions": [
        suggestion_body(
            arguments={"order_id": "#W1\n\"'\\", "amount": 1e15, "note": "ß 😀"},
            confidence=1.0,
            success_probability=0,
        ),
        suggestion_body(rank=2, confidence=None, success_probability=None),
    ],
}


def same(ours: Model, theirs: Model) -> None:
    """Every column that was read is of the same value and type."""
    for field in type(theirs)._meta.concrete_fields:
        if field.attname not in ours.get_deferred_fields():
            found, wanted = getattr(ours, field.attname), getattr(theirs, field.attname)
            wanted = bytes(wanted) if isinstance(wanted, memoryview) else wanted
            assert (found, type(found)) == (wanted, type(wanted)), field


def all_same(ours: Any, theirs: Any) -> None:
    for one, other in zip(ours, theirs, strict=True):
        same(one, other)


@pytest.mark.parametrize("odd", [False, True])
def test_what_waits(propose: Any, ana: Any, ben: Any, dora: Any, agent: Any, olga: Any, odd: bool) -> None:
    proposal = propose(**ODD) if odd else propose(provenance=PROVENANCE)
    Proposal.objects.filter(pk=proposal.pk).update(approvals_needed=3, raised={"grace_seconds": 2.5})
    approve(proposal, ana)
    approve(proposal, ben, arguments={"order_id": "#W1", "amount": 7})
    comments.comment(proposal.pk, author=ben, actor=actor_of(ben), text="Look.")
    claims.claim(proposal.pk, user=ben, actor=actor_of(ben))
    looks.look(proposal.pk, user=ben, seconds=1)
    deployment = Deployment.objects.create(
        agent=agent, label="support-bot@14", model="m", registered_by=ben, approved_by=olga
    )

    whole = whole_of(proposal.pk, dora)

    same(whole.proposal, Proposal.objects.get(pk=proposal.pk))
    assert whole.resolution is None
    assert (whole.proposal.agent.name, whole.proposal.team.name) == (agent.name, "Operations")
    suggestions = Suggestion.objects.filter(proposal=proposal).select_related("action_type")
    all_same(whole.suggestions, suggestions)
    all_same([s.action_type for s in whole.suggestions], [s.action_type for s in suggestions])
    decisions = Decision.objects.filter(proposal=proposal).order_by("at")
    all_same(whole.decisions, decisions)
    assert [d.reviewer.printed_name for d in whole.decisions] == ["Ana", "Ben"]
    assert [d.suggestion for d in whole.decisions] == [d.suggestion for d in decisions]
    all_same(whole.comments, Comment.objects.all())
    assert whole.claim is not None
    same(whole.claim, Claim.objects.get())
    assert (whole.claim.user.printed_name, whole.claim.by) == ("Ben", ben)
    assert whole.deployment is not None
    assert (whole.deployment.pk, whole.deployment.approved_by) == (deployment.pk, olga)
    assert whole.looking == [(ben.pk, "Ben")]
    assert whole.teams == {"operations": "Operations"}
    assert whole.events[0].type == "proposal.submitted"


def test_what_was_answered(propose: Any, ana: Any) -> None:
    proposal = propose()
    reject(proposal, ana)
    whole = whole_of(proposal.pk, ana)
    assert whole.resolution is not None
    same(whole.resolution, Resolution.objects.get())
    assert (whole.claim, whole.looking, whole.alike) == (None, [], 0)


def test_what_is_rare_is_known_to_be_there(propose: Any, ana: Any) -> None:
    first = propose()
    propose(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": 3})])
    decide.give_back(first.pk, reviewer=ana, actor=actor_of(ana), reason="Add a note.")
    later = propose(revises=first.pk)
    before, now = (whole_of(one.pk, ana) for one in (first, later))
    assert (before.is_revised, before.is_contradicted) == (True, False)
    assert (now.is_revised, now.is_contradicted, now.halted) == (False, True, False)


# --- Who may see it -----------------------------------------------------------------------------------


def test_a_reader_sees_in_sql_what_they_see(
    propose: Any, ana: Any, ben: Any, cyd: Any, dora: Any, olga: Any
) -> None:
    made = [propose() for _ in range(4)]
    Team.objects.create(slug="legal", name="Legal")
    Proposal.objects.filter(pk=made[1].pk).update(team="legal", also_teams=["finance"])
    Proposal.objects.filter(pk=made[2].pk).update(team="legal")
    reject(made[3], ana)
    SecondReview.objects.create(
        proposal=made[3], team_id="operations", first=ana, second=ben, share=1, deadline=NOW
    )
    nobody = User.objects.create_user("nobody")
    nobody.teams.add("operations")
    seen = {}
    for person in (ana, ben, cyd, dora, olga, nobody):
        sql = f"SELECT p.id FROM suggestions_proposal p WHERE {visible_sql('p')}"
        ours = {found for (found,) in execute(sql, seen_by(person))}
        assert ours == set(Proposal.objects.visible_to(person).values_list("pk", flat=True))
        for one in made:
            if one.pk in ours:
                assert whole_of(one.pk, person).proposal == one
            else:
                with pytest.raises(Proposal.DoesNotExist):
                    whole_of(one.pk, person)
        seen[person.username] = len(ours)
    assert seen == {"ana": 2, "ben": 1, "cyd": 1, "dora": 4, "olga": 4, "nobody": 0}


# --- To whom it can be handed on ----------------------------------------------------------------------


def test_it_can_be_handed_on_to_those_who_could_decide(
    proposal: Any, ana: Any, ben: Any, cyd: Any, dora: Any, olga: Any
) -> None:
    Team.objects.create(slug="legal", name="Legal")
    Team.objects.create(slug="empty", name="Empty")
    make_person("eve", "reviewer", team="legal")
    make_person("gone", "reviewer", team="empty")
    User.objects.filter(username="gone").update(is_active=False)
    make_person("reads", "auditor").teams.add("operations")
    dora.groups.add(Group.objects.get(name="reviewer"))
    Absence.objects.create(
        person=ben, deputy=cyd, by=ben, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1)
    )
    could = who_could_decide(proposal.teams).exclude(pk=ana.pk).order_by("first_name", "username")
    may = who_may_decide()
    teams = Team.objects.filter(members__in=may).exclude(pk__in=proposal.teams).distinct().order_by("name")

    found = handing_on(proposal, ana)

    assert found.people == list(could)
    assert [person.printed_name for person in found.people] == ["Ben", "Cyd"]
    assert found.teams == [(team.pk, team.name) for team in teams]
    assert [name for _, name in found.teams] == ["Finance", "Legal"]
