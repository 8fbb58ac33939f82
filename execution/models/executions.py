"""What is carried out: executions, their steps, and each attempt."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Self
from uuid import UUID

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Subquery, When
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from audit.statements.prepared import execute
from governance.models import Agent, Halt, Risk, User
from governance.models.halts import HaltQuerySet
from governance.trust.halts import HELD, KEEPING_OUT
from suggestions.answering.present import WAITING
from suggestions.models import Proposal, Suggestion

PRESSING = 80  # the priority of a proposal from which on it is as urgent as a critical one
_DUE = "status = 'scheduled' AND due_at <= statement_timestamp()"
_LEFT = "status = 'running' AND lease_until <= statement_timestamp()"  # by a worker that is gone
_TAKE = """
UPDATE execution_execution e
   SET status = 'running', fence = fence + 1, version = version + 1, waits_for = '',
       lease_until = statement_timestamp() + make_interval(secs => %s),
       started_at = coalesce(started_at, statement_timestamp())
 WHERE {which}
RETURNING id, fence, deadline <= statement_timestamp(), proposal_id
"""
_TAKE_IT = _TAKE.format(which=f"id = %s AND NOT {HELD} AND (({_DUE}) OR ({_LEFT}))")


class Priority(models.IntegerChoices):
    """Who overtakes whom: a lower one comes first, however long the others have been due."""

    URGENT = 0
    SOON = 1
    ORDINARY = 2

    @classmethod
    def of(cls, proposal: Proposal) -> Priority:
        """By its risk, or by how pressing the policy calls it."""
        if proposal.risk >= Risk.CRITICAL or proposal.priority >= PRESSING:
            return cls.URGENT
        return cls.SOON if proposal.risk >= Risk.HIGH else cls.ORDINARY


# Who comes at the same time takes another one.
_FIRST = f"""(SELECT id FROM execution_execution e WHERE {{which}} AND NOT {HELD}
               ORDER BY {{since}} LIMIT 1 FOR UPDATE SKIP LOCKED)"""
_DUE_FIRST = _FIRST.format(which=f"{{which}} AND {_DUE}", since="due_at")
_LEFT_FIRST = _FIRST.format(which=f"{{which}} AND {_LEFT}", since="lease_until")
# Of a priority first what is due anew, then what had waited for a route and begins again with all the others
# that had: they may be more than can be carried out at once, and nobody else is to be late for that.
_ITS_TURN = "CASE WHEN waits_for = '' THEN 0 ELSE 1 END"


def _due_of(priority: int) -> list[str]:
    return [_DUE_FIRST.format(which=f"priority = {priority} AND {_ITS_TURN} = {turn}") for turn in (0, 1)]


# The first that is found is taken: a lower priority is not looked for where a higher one is due, and nothing
# else where a worker left something in the middle.
_URGENT = [_LEFT_FIRST.format(which=f"priority = {Priority.URGENT}"), *_due_of(Priority.URGENT)]
_TAKE_URGENT = _TAKE.format(which=f"id = coalesce({', '.join(_URGENT)})")
_BY_PRIORITY = [_LEFT_FIRST.format(which="TRUE"), *(look for one in Priority.values for look in _due_of(one))]
_TAKE_NEXT = _TAKE.format(which=f"id = coalesce({', '.join(_BY_PRIORITY)})")
_TAKE_OLDEST = _TAKE.format(which=f"id = {_DUE_FIRST.format(which='TRUE')}")


class Next(Enum):
    """Which one is taken of those that are due, each without waiting for who is about to take another."""

    BY_PRIORITY = _TAKE_NEXT
    OLDEST = _TAKE_OLDEST
    URGENT = _TAKE_URGENT


class Verdict(models.TextChoices):
    """Whether what was claimed was found to be so, from good to bad."""

    VERIFIED = "verified", "verified"
    UNVERIFIED = "unverified", "not verified"  # nobody looked
    UNVERIFIABLE = "unverifiable", "could not be verified"
    MISMATCH = "mismatch", "not as claimed"


class Taken(NamedTuple):
    """What `take` answers: its fencing number, and whether its deadline has passed."""

    execution: UUID
    fence: int
    is_late: bool
    proposal: UUID


def _stopping() -> HaltQuerySet:
    """Those that cover an execution of the query around it."""
    return Halt.objects.filter(
        Q(scope=Halt.Scope.EVERYTHING)
        | Q(agent_id=OuterRef("proposal__agent_id"))
        | Q(action=OuterRef("suggestion__action_type__name"))
    )


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def take(self, which: UUID | Next, *, lease_seconds: int) -> Taken | None:
        """Make one worker the only one that may carry it out.

        One conditional UPDATE: of many workers one gets a number, the others None. So do all
        where a kill switch is on, and none is thrown before the commit.
        """
        seconds = float(lease_seconds)
        if isinstance(which, Next):
            taken = execute(which.value, [seconds], after=KEEPING_OUT)
        else:
            taken = execute(_TAKE_IT, [seconds, which], after=KEEPING_OUT)
        return Taken(*taken[0]) if taken else None

    def not_held(self) -> Self:
        """Those that no kill switch stops, as `governance.trust.halts.HELD` has it."""
        still = Q(lifted_at=None) | Q(lifted_at__gt=OuterRef("timed_from"))
        return self.exclude(Exists(_stopping().filter(still, settled_at=None)))

    def with_held(self) -> Self:
        """Each with `is_held`: a kill switch is on and nobody is in the middle of anything."""
        on = Q(Exists(_stopping().on()), status__in=WAITING)
        return self.annotate(is_held=Case(When(on, then=True), default=False))

    def with_doubt(self) -> Self:
        """Each with `doubtful_step`: of the present round, the first whose outcome is unknown."""
        unknown = Attempt.objects.filter(
            step__execution=OuterRef("pk"), round=OuterRef("round"), outcome=Attempt.Outcome.UNKNOWN
        ).exclude(step__status=Step.Status.COMPLETED)
        first = unknown.order_by("step__position").values("step__name")[:1]
        return self.annotate(doubtful_step=Subquery(first))

    def visible_to(self, user: User) -> Self:
        return self.filter(proposal__in=Proposal.objects.visible_to(user))


class Execution(models.Model):
    """Carrying out one approved suggestion.

    A worker holds it by `lease_until` and writes only while `fence` is still its own
    number. Tries and due times are in rows, where a restarted worker cannot lose them.
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        NEEDS_ATTENTION = "needs_attention", "needs attention"
        CANCELLED = "cancelled"
        HANDED_BACK = "handed_back", "handed back"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.OneToOneField(Proposal, models.CASCADE, related_name="execution")
    suggestion = models.ForeignKey(Suggestion, models.PROTECT, db_index=False)
    action_digest = models.CharField(max_length=71)
    agent = models.ForeignKey(Agent, models.PROTECT, null=True, related_name="+", db_index=False)
    action = models.CharField(max_length=128, default="", help_text="Name of the action type.")
    passed = models.BooleanField(default=False, help_text="By the policy, without a person.")
    assisted = models.BooleanField(
        default=False, help_text="At stage 1: no worker calls anything, the agent or a person does it."
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.SCHEDULED)
    version = models.PositiveIntegerField(default=1)
    priority = models.PositiveSmallIntegerField(
        choices=Priority, default=Priority.ORDINARY, db_default=Priority.ORDINARY
    )
    due_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True, help_text="When the broker was last told of it.")
    deadline = models.DateTimeField(help_text="Not finished by then, a person is asked.")
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    round = models.PositiveSmallIntegerField(default=1, help_text="A person's retry begins a new one.")
    timed_from = models.DateTimeField(
        db_default=Now(), help_text="Since when its times run: what a kill switch holds later is added."
    )
    reason = models.CharField(max_length=500, blank=True, help_text="Why it is in this state.")
    waits_for = models.CharField(
        max_length=300, blank=True, db_default="", help_text="The route that is let alone, while it waits."
    )
    verdict = models.CharField(
        max_length=12, choices=Verdict, blank=True, db_default="", help_text="The worst of its steps."
    )
    chosen = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="By a person: the number of the route that is taken next, by the step's name.",
    )
    undoing = models.BooleanField(db_default=False, help_text="What was done is being taken back.")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ExecutionQuerySet.as_manager()
    doubtful_step: str | None  # of those out of `with_doubt()`

    class Meta:
        permissions = [("attend_execution", "Can retry or cancel an execution")]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(status="scheduled"), name="execution_scheduled_by_due"
            ),
            models.Index(
                "priority",
                Case(When(waits_for="", then=0), default=1),
                "due_at",
                condition=Q(status="scheduled"),
                name="execution_scheduled_by_turn",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(status="running"), name="execution_running_by_lease"
            ),
            models.Index(
                fields=["deadline"],
                condition=Q(status__in=["scheduled", "running", "handed_back"]),
                name="execution_open_by_deadline",
            ),
            models.Index(fields=["status", "-id"], name="execution_by_status"),
            models.Index(
                fields=["waits_for", "due_at"], condition=~Q(waits_for=""), name="execution_waiting_for_route"
            ),
            models.Index(
                fields=["agent", "action", "-id"],
                condition=Q(status__in=["succeeded", "failed", "needs_attention"]),
                name="execution_ended_by_pair",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False),
                name="execution_running_has_a_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.status}"

    def is_with_agent(self) -> bool:
        """Whether its agent began a step over the API, and said nothing of it yet."""
        begun = Attempt.objects.filter(step__execution=self, outcome=Attempt.Outcome.OPEN)
        return begun.exclude(token_digest="").exists()


class Step(models.Model):
    """One step of an execution. A completed step is a checkpoint and is never repeated.

    A skipped one was not called for, or a person knows that it is not. What takes a step back is a step too.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        COMPLETED = "completed"
        SKIPPED = "skipped"

    class Kind(models.TextChoices):
        DO = "do"
        UNDO = "undo"

    execution = models.ForeignKey(Execution, models.CASCADE, related_name="steps", db_index=False)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    kind = models.CharField(max_length=4, choices=Kind, default=Kind.DO, db_default=Kind.DO)
    receipt = models.JSONField(null=True, help_text="The evidence that it took effect.")
    answer = models.JSONField(null=True, help_text="What came back, for the steps that come later.")
    verdict = models.CharField(max_length=12, choices=Verdict, blank=True, db_default="")
    probes = models.PositiveSmallIntegerField(db_default=0, help_text="How often the proof was asked for.")
    wait_until = models.DateTimeField(
        null=True, help_text="How long the proof, or the event that ends it, is waited for."
    )
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["execution", "position"], name="step_once_per_position"),
            models.CheckConstraint(
                condition=Q(status="waiting") | Q(receipt__isnull=False),
                name="step_completed_has_a_receipt",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Attempt(models.Model):
    """One try of one step over one route, written before the call and closed after it."""

    class Outcome(models.TextChoices):
        OPEN = "open"
        SUCCEEDED = "succeeded"
        FAILED = "failed"  # and may work later
        REFUSED = "refused"  # and would be again over this route
        UNKNOWN = "unknown"  # it may have taken effect

    step = models.ForeignKey(Step, models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveIntegerField()
    route = models.CharField(max_length=300)
    fence = models.PositiveIntegerField(help_text="Of the worker that tried.")
    round = models.PositiveSmallIntegerField(default=1)
    outcome = models.CharField(max_length=9, choices=Outcome, default=Outcome.OPEN)
    http_status = models.PositiveSmallIntegerField(null=True)
    detail = models.CharField(max_length=500, blank=True)
    response = models.TextField(blank=True, help_text="The start of what came back.")
    token_digest = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Of the agent that began it."
    )
    begun_by = models.CharField(
        max_length=300, blank=True, default="", db_default="", help_text="Which key and process of the agent."
    )
    found = models.JSONField(
        null=True, help_text="Of an unknown outcome: what a person found out, who that was, how they know."
    )
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["step", "number"], name="attempt_once_per_number")]

    def __str__(self) -> str:
        return f"{self.number} {self.route} {self.outcome}"
