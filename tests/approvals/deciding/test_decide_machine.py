"""Any interleaving of what people, agents, workers and the clock do keeps what must always be true.

People differ in their teams; one of them owns the agent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from approvals.beside import claims, comments
from approvals.deciding import decide, undo
from approvals.deciding.expire import expire_overdue
from approvals.models import Claim, Comment, Decision
from audit.ground.refusals import Refusal
from audit.models import Event
from execution.holding.lease import take
from execution.models import Execution
from governance.actions import catalogue
from governance.models import Team, User
from suggestions.answering.withdraw import withdraw
from suggestions.intake.draft import action_digest
from suggestions.models import Proposal, Resolution, Suggestion
from tests.conftest import actor_of, make_person, suggestion_body
from tests.searching import examples

PEOPLE = ("ana", "ben", "eva", "cyd", "both", "owner")
EDITS: tuple[dict[str, Any], ...] = (
    {"order_id": "#W1", "amount": 40},
    {"order_id": "#W1", "amount": 41.5, "note": "less"},
    {"order_id": "#W1", "amount": -1},  # against the schema
)
BESIDES = ("claim", "release", "assign", "comment", "lease over")
people = st.sampled_from(PEOPLE)


class Desk(RuleBasedStateMachine):
    """One proposal with two suggestions, and everybody who could do something about it."""

    propose: Callable[..., Any]

    @initialize(
        approvals=st.sampled_from([1, 1, 2, 2, 3]),
        rejections=st.integers(1, 2),
        four_eyes=st.sampled_from([None, True, False]),
        owner_may=st.booleans(),
        grace=st.sampled_from([0, 60]),
        both_teams=st.sampled_from([False, False, True]),
        ending=st.sampled_from(["", "", "no", "withdrawn", "late"]),
    )
    def begin(
        self,
        approvals: int,
        rejections: int,
        four_eyes: bool | None,
        owner_may: bool,
        grace: int,
        both_teams: bool,
        ending: str,
    ) -> None:
        self.savepoint = transaction.savepoint()
        self.people = {name: User.objects.get(username=name) for name in PEOPLE}
        other = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 10})
        self.id = self.propose(suggestions=[suggestion_body(), other]).pk
        proposal = self.proposal
        proposal.approvals_needed = approvals
        proposal.also_teams = ["finance"] if both_teams else []
        proposal.verdict |= {"rejections": rejections, "owner_may_approve": owner_may, "grace_seconds": grace}
        proposal.verdict |= {} if four_eyes is None else {"four_eyes": four_eyes}
        proposal.save()
        self.four_eyes = approvals > 1 if four_eyes is None else four_eyes
        self.ending = ending  # what can end this one beside approvals: more than one would end it too soon
        self.ended: Resolution | None = None
        self.begun: Any = None

    def teardown(self) -> None:
        if hasattr(self, "savepoint"):
            transaction.savepoint_rollback(self.savepoint)

    @property
    def proposal(self) -> Proposal:
        return Proposal.objects.select_related("agent").get(pk=self.id)

    def everything(self) -> list[Any]:
        """All that a verb may change, with the events that tell of it."""
        tables = [
            (Proposal.objects.filter(pk=self.id), ()),
            (Decision.objects.all(), ()),
            (Resolution.objects.all(), ()),
            (Execution.objects.all(), ()),
            (Claim.objects.all(), ("at", "until")),  # a lease that is begun anew is no news
            (Comment.objects.all(), ()),
        ]
        return [
            sorted(
                ({k: v for k, v in row.items() if k not in left_out} for row in rows.values()),
                key=repr,
            )
            for rows, left_out in tables
        ]

    def do(self, verb: Callable[[], Any]) -> Any:
        """Do it: refused it changes nothing, done it has its event, and none without a change."""
        before, events = self.everything(), Event.objects.count()
        try:
            with transaction.atomic():
                done = verb()
        except Refusal:
            assert self.everything() == before
            assert Event.objects.count() == events
            return None
        told = Event.objects.count() > events
        assert (self.everything() != before) == told
        return done

    # --- What people do ---------------------------------------------------------------------------

    @rule(name=people, rank=st.sampled_from([1, 2]), edit=st.sampled_from([None, None, *EDITS]))
    def approve(self, name: str, rank: int, edit: dict[str, Any] | None) -> None:
        suggestion = self._suggestion(rank)
        shown = suggestion.action_digest
        self.do(lambda: self._approve(suggestion, name, shown_digest=shown, arguments=edit))

    @rule(name=people, rank=st.sampled_from([1, 2]))
    def approve_what_another_made_of_it(self, name: str, rank: int) -> None:
        suggestion = self._suggestion(rank)
        edits = Decision.objects.filter(standing=True, suggestion=suggestion, arguments__isnull=False)
        shown = edits.values_list("action_digest", flat=True).first() or "sha256:" + "0" * 64
        self.do(lambda: self._approve(suggestion, name, shown_digest=shown))

    def _approve(self, suggestion: Suggestion, name: str, **how: Any) -> Any:
        person = self.people[name]
        return decide.approve(suggestion, reviewer=person, actor=actor_of(person), **how)

    def _suggestion(self, rank: int) -> Suggestion:
        found = Suggestion.objects.select_related("action_type", "proposal__agent")
        return found.get(proposal=self.id, rank=rank)

    @precondition(lambda self: self.ending == "no")
    @rule(name=people, verb=st.sampled_from([decide.reject, decide.give_back]))
    def say_no(self, name: str, verb: Any) -> None:
        person = self.people[name]
        self.do(lambda: verb(self.id, reviewer=person, actor=actor_of(person), reason="no"))

    @rule(name=people, team=st.sampled_from(["finance", "operations", "nobody"]))
    def escalate(self, name: str, team: str) -> None:
        person, to = self.people[name], Team.objects.get(pk=team)
        self.do(
            lambda: decide.escalate(self.id, to=to, reviewer=person, actor=actor_of(person), reason="you?")
        )

    @rule(name=people)
    def take_back(self, name: str) -> None:
        person = self.people[name]
        self.do(lambda: decide.take_back(self.id, reviewer=person, actor=actor_of(person)))

    @rule(name=people)
    def agree(self, name: str) -> None:
        """The plainest of all, so that much comes to an approval."""
        suggestion = self._suggestion(1)
        self.do(lambda: self._approve(suggestion, name, shown_digest=suggestion.action_digest))

    @rule(name=people, own=st.booleans())
    def undo(self, name: str, own: bool) -> None:
        resolution = Resolution.objects.filter(proposal=self.id).first()
        person = resolution.user if own and resolution and resolution.user else self.people[name]
        if self.do(lambda: undo.undo(self.id, reviewer=person, actor=actor_of(person))):
            self.ended = None

    @rule(name=people, to=people, take_over=st.booleans(), what=st.sampled_from(BESIDES))
    def besides(self, name: str, to: str, take_over: bool, what: str) -> None:
        """What tells others something and decides nothing."""
        person, other = self.people[name], self.people[to]
        actor = actor_of(person)
        beside: dict[str, Callable[[], Any]] = {
            "claim": lambda: claims.claim(self.id, user=person, actor=actor, take_over=take_over),
            "release": lambda: claims.release(self.id, user=person, actor=actor),
            "assign": lambda: claims.assign(self.id, to=other, by=person, actor=actor),
            "comment": lambda: comments.comment(self.id, author=person, actor=actor, text="hm"),
            "lease over": lambda: Claim.objects.update(until=Now()) and None,
        }
        self.do(beside[what])

    # --- What the agent, the clock and workers do ------------------------------------------------

    @precondition(lambda self: self.ending == "withdrawn")
    @rule()
    def withdraw(self) -> None:
        self.do(lambda: withdraw(self.id, agent=self.proposal.agent))

    @precondition(lambda self: self.ending == "late")
    @rule()
    def time_is_over(self) -> None:
        Proposal.objects.filter(pk=self.id).update(deadline=Now() - timedelta(seconds=1))

    @rule()
    def the_sweeper_comes(self) -> None:
        self.do(expire_overdue)

    @rule(grace_is_over=st.booleans())
    def a_worker_comes(self, grace_is_over: bool) -> None:
        if grace_is_over:
            Execution.objects.filter(status="scheduled").update(due_at=Now())
        for execution in Execution.objects.all():
            self.do(lambda pk=execution.pk: take(pk))

    # --- What must always be true -----------------------------------------------------------------

    @invariant()
    def status_and_resolution_say_the_same(self) -> None:
        if not hasattr(self, "id"):
            return
        resolution = Resolution.objects.filter(proposal=self.id).first()
        assert self.proposal.status == (resolution.status if resolution else "pending")
        if self.ended:  # the one final answer, but for an approval that was undone
            assert resolution is not None
            assert (resolution.status, resolution.at) == (self.ended.status, self.ended.at)
        self.ended = resolution

    @invariant()
    def nothing_runs_but_what_was_approved(self) -> None:
        if not hasattr(self, "id"):
            return
        execution = Execution.objects.filter(proposal=self.id).first()
        resolution = Resolution.objects.filter(proposal=self.id, status="approved").first()
        assert bool(execution) == bool(resolution)
        if self.begun:  # what a worker has begun is not undone any more
            assert execution is not None
            assert (execution.pk, execution.action_digest) == self.begun
        if execution is None or resolution is None:
            return
        assert resolution.suggestion is not None
        entry = catalogue.entry(resolution.suggestion.action_type)
        assert execution.action_digest == resolution.action_digest
        assert resolution.action_digest == action_digest(entry, resolution.arguments or {})
        assert entry.errors(resolution.arguments or {}, "") == []
        if execution.fence:
            self.begun = (execution.pk, execution.action_digest)

    @invariant()
    def enough_people_agreed(self) -> None:
        """Counted here anew, by another way than the product's: distinct, entitled, none of them alone."""
        if not hasattr(self, "id") or self.proposal.status != "approved":
            return
        proposal, resolution = self.proposal, self.proposal.resolution
        assert resolution.by == Resolution.By.HUMAN  # silence never approves
        agreeing = Decision.objects.filter(
            proposal=proposal, standing=True, verdict="approve", action_digest=resolution.action_digest
        )
        counting = {d.reviewer_id for d in agreeing}
        assert len(counting) == agreeing.count()
        if not proposal.verdict["owner_may_approve"]:
            assert proposal.agent.owner_id not in counting
        edited = agreeing.filter(arguments__isnull=False).order_by("at", "id").first()
        if edited and (self.four_eyes or proposal.raised.get("four_eyes")):
            counting.discard(edited.reviewer_id)
        assert len(counting) >= proposal.approvals_needed
        for team in proposal.teams:
            assert User.objects.filter(pk__in=counting, teams=team).exists()

    @invariant()
    def one_person_says_one_thing(self) -> None:
        standing = Decision.objects.filter(standing=True).values_list("reviewer", flat=True)
        assert len(standing) == len(set(standing))

    @invariant()
    def a_no_was_said_often_enough(self) -> None:
        if not hasattr(self, "id") or self.proposal.status != "rejected":
            return
        saying_no = Decision.objects.filter(standing=True, verdict="reject")
        # An edit asks anew, and of two answers the one that ends it sooner is the stricter.
        asked = [
            said["rejections"]
            for said in (self.proposal.verdict, self.proposal.raised)
            if "rejections" in said
        ]
        assert saying_no.count() >= min(asked)


@pytest.fixture
def everybody(agent: Any, ana: Any, ben: Any, cyd: Any) -> None:
    """`both` is in two teams; `owner` answers for the agent and reviews; `nobody` is a team of none."""
    make_person("eva", "reviewer")
    make_person("both", "reviewer").teams.add(Team.objects.get(pk="finance"))
    agent.owner = make_person("owner", "reviewer")
    agent.save()
    Team.objects.create(slug="nobody", name="Nobody")


@pytest.mark.thorough
@pytest.mark.timeout(600)  # as many steps on a slow machine, too
def test_any_interleaving_keeps_what_must_be_true(propose: Callable[..., Any], everybody: None) -> None:
    class ThisDesk(Desk):
        pass

    ThisDesk.propose = staticmethod(propose)  # type: ignore[assignment]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        ThisDesk,
        settings=settings(
            max_examples=examples(60),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
