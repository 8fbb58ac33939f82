from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import MD5, Cast, Concat, Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from audit.ground.unseen import shown
from governance.models import ActionType, Agent, PolicyVersion, Risk, Team, User
from governance.people import people


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def pending(self) -> Self:
        return self.filter(status=Proposal.Status.PENDING)

    def asked(self) -> Self:
        """What agents handed in: without the check items that only look like it."""
        return self.filter(is_check=False)

    def overdue(self) -> Self:
        return self.asked().pending().filter(deadline__lte=Now())

    def visible_to(self, user: User) -> Self:
        """The proposals this person may know about; every page starts from here.

        Without those that they are to decide a second time without knowing of the first.
        """
        seen = self.exclude(pk__in=SecondReview.objects.asked_of(user).values("proposal"))
        if user.has_perm("suggestions.view_every_proposal"):
            return seen
        if not user.has_perm("suggestions.view_proposal"):
            return self.none()
        return seen.for_teams(list(people.teams_of(user).values_list("pk", flat=True)))

    def for_teams(self, slugs: Sequence[str]) -> Self:
        """What any of these teams is asked about, alone or together with others."""
        return self.filter(Q(team__in=slugs) | Q(also_teams__overlap=list(slugs)))


class Proposal(models.Model):
    """One request for one decision: a risky action, with its ranked suggestions."""

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        RETURNED = "returned"
        EXPIRED = "expired"
        WITHDRAWN = "withdrawn"
        BLOCKED = "blocked"

    id = models.UUIDField(primary_key=True, default=uuid7)
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="proposals", db_index=False)
    idempotency_key = models.CharField(max_length=255)
    body_digest = models.CharField(max_length=71)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    version = models.PositiveIntegerField(default=1, help_text="Raised by every change.")

    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    subject_type = models.CharField(max_length=64, blank=True)
    subject_id = models.CharField(max_length=200, blank=True)
    context = models.JSONField(default=dict)
    provenance = models.JSONField(default=dict)
    traceparent = models.CharField(max_length=64, blank=True)
    callback_url = models.CharField(max_length=2000, blank=True)
    revises = models.ForeignKey("self", models.PROTECT, null=True, db_index=False)
    salt = models.BinaryField(max_length=16, default=new_salt)

    # What the policy said.
    policy = models.ForeignKey(PolicyVersion, models.PROTECT, null=True, db_index=False)
    verdict = models.JSONField()
    shadow = models.ForeignKey(
        PolicyVersion,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        help_text="The policy that looked at it too, without effect.",
    )
    team = models.ForeignKey(Team, models.PROTECT, db_index=False)
    also_teams = ArrayField(
        models.SlugField(max_length=64),
        default=list,
        db_default=Value([], ArrayField(models.SlugField(max_length=64))),
        help_text="Teams that have to agree besides the first.",
    )
    raised = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        help_text="Obligations that edits made stricter than the verdict has them.",
    )
    priority = models.SmallIntegerField()
    queue_order = models.GeneratedField(
        expression=100 - F("priority"), output_field=models.SmallIntegerField(), db_persist=True
    )
    approvals_needed = models.PositiveSmallIntegerField()
    risk = models.PositiveSmallIntegerField(choices=Risk)
    deadline = models.DateTimeField(help_text="Undecided by then, it expires.")
    expires_at = models.DateTimeField(null=True, help_text="The agent's own limit: no deadline is later.")
    remind_at = models.DateTimeField(null=True, help_text="Undecided by then, people are reminded.")
    reminded_at = models.DateTimeField(null=True)
    escalate_at = models.DateTimeField(null=True, help_text="Silent by then, another team is asked.")

    # Of the first suggestion, so that the queue is read from one table.
    action = models.CharField(max_length=128)
    sentence = models.CharField(max_length=500)
    glance = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        help_text="What lists tell beside the sentence: see `suggestions.intake.glance`.",
    )

    # What later proposals are judged by: `suggestions.past.answers` reads it.
    numbers = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        help_text="Argument → greatest number asked for; once approved, what was approved.",
    )
    subject_key = models.GeneratedField(
        expression=Cast(MD5(Concat(F("subject_type"), Value("\n"), F("subject_id"))), models.UUIDField()),
        output_field=models.UUIDField(),
        db_persist=True,
    )

    concern = models.UUIDField(
        null=True, help_text="What would be done to what; other arguments for the same contradict it."
    )

    is_check = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Slipped in to see whether people look: no agent knows of it, and nothing comes of it.",
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = ProposalQuerySet.as_manager()

    class Meta:
        permissions = [("view_every_proposal", "Can see the proposals of every team")]
        constraints = [
            models.UniqueConstraint(fields=["agent", "idempotency_key"], name="proposal_once_per_key"),
            models.CheckConstraint(condition=Q(priority__range=(0, 100)), name="proposal_priority_in_range"),
            models.CheckConstraint(condition=Q(approvals_needed__gte=1), name="proposal_needs_somebody"),
            models.CheckConstraint(  # so nothing that reads answers has to know of checks
                condition=Q(is_check=False) | Q(status__in=["pending", "withdrawn"]),
                name="proposal_check_is_never_answered",
            ),
        ]
        # Open proposals are few and asked for all the time; the rest only grows.
        indexes = [
            models.Index(
                fields=["shadow", "-id"], condition=Q(shadow__isnull=False), name="proposal_by_shadow"
            ),
            models.Index(
                fields=["revises", "id"],
                condition=Q(revises__isnull=False),
                name="proposal_by_what_it_revises",
            ),
            models.Index(fields=["agent", "-id"], name="proposal_by_agent"),
            models.Index(
                fields=["team", "queue_order", "deadline", "id"],
                condition=Q(status="pending"),
                name="proposal_open_by_team",
            ),
            models.Index(
                fields=["team", "deadline", "id"],
                condition=Q(status="pending"),
                name="proposal_open_by_team_deadline",
            ),
            models.Index(
                fields=["team", "created_at", "id"],
                condition=Q(status="pending"),
                name="proposal_open_by_team_age",
            ),
            GinIndex(
                fields=["also_teams"],
                condition=Q(status="pending") & ~Q(also_teams=[]),
                name="proposal_open_by_other_team",
            ),
            models.Index(fields=["agent", "status", "-id"], name="proposal_by_agent_and_status"),
            models.Index(
                fields=["subject_id", "-id"],
                condition=~Q(subject_id="") & ~Q(status="pending"),
                name="proposal_decided_by_subject",
            ),
            models.Index(fields=["status", "-id"], name="proposal_by_status"),
            models.Index(
                fields=["agent", "created_at"],
                include=["status", "numbers"],
                condition=Q(is_check=False),
                name="proposal_past_of_agent",
            ),
            models.Index(
                fields=["subject_key", "created_at"],
                include=["status", "numbers"],
                condition=~Q(subject_id="") & Q(is_check=False),
                name="proposal_past_of_subject",
            ),
            models.Index(
                fields=["concern"],
                condition=Q(status="pending", concern__isnull=False),
                name="proposal_open_by_concern",
            ),
            models.Index(
                fields=["deadline"], condition=Q(status="pending"), name="proposal_open_by_deadline"
            ),
            models.Index(
                fields=["remind_at"],
                condition=Q(status="pending", remind_at__isnull=False),
                name="proposal_to_remind_of",
            ),
            models.Index(
                fields=["escalate_at"],
                condition=Q(status="pending", escalate_at__isnull=False),
                name="proposal_to_escalate",
            ),
        ]

    def __str__(self) -> str:
        return shown(self.sentence)

    @property
    def teams(self) -> list[str]:
        """Everybody who has to agree; the first of them is asked first."""
        return [self.team_id, *self.also_teams]


class Suggestion(models.Model):
    """One ranked option in a proposal. `action_digest` names exactly what would be done."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="suggestions", db_index=False)
    rank = models.PositiveSmallIntegerField()
    action_type = models.ForeignKey(ActionType, models.PROTECT, db_index=False)
    arguments = models.JSONField()
    action_digest = models.CharField(max_length=71)
    sentence = models.CharField(max_length=500)
    confidence = models.FloatField(null=True)
    success_probability = models.FloatField(null=True)
    risk = models.PositiveSmallIntegerField(choices=Risk, help_text="The risk that counts.")
    claimed_risk = models.PositiveSmallIntegerField(choices=Risk, null=True)
    risk_indicators = models.JSONField(default=list)
    before = models.JSONField(default=dict)
    explanation = models.TextField(blank=True)

    class Meta:
        ordering = ["rank"]
        constraints = [
            models.UniqueConstraint(fields=["proposal", "rank"], name="suggestion_once_per_rank"),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | Q(confidence__range=(0, 1)),
                name="suggestion_confidence_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(success_probability__isnull=True) | Q(success_probability__range=(0, 1)),
                name="suggestion_success_probability_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return self.sentence


class Resolution(models.Model):
    """The one final answer on a proposal. What was approved stands here, to the letter."""

    class By(models.TextChoices):
        HUMAN = "human"
        POLICY = "policy"
        TIMER = "timer"
        AGENT = "agent"

    proposal = models.OneToOneField(Proposal, models.CASCADE, primary_key=True, related_name="resolution")
    status = models.CharField(max_length=10, choices=Proposal.Status)
    by = models.CharField(max_length=8, choices=By)
    user = models.ForeignKey(User, models.PROTECT, null=True, db_index=False)
    actor_name = models.CharField(max_length=200, help_text="As printed at that time.")
    suggestion = models.ForeignKey(Suggestion, models.PROTECT, null=True, db_index=False)
    arguments = models.JSONField(null=True, help_text="Of the approved action, edits included.")
    action_digest = models.CharField(max_length=71, blank=True)
    sentence = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="What was approved, edits included."
    )
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)
    at = models.DateTimeField(db_default=Now())

    # Of the proposal and its first suggestion, so that the record of an agent is read from one index.
    agent = models.ForeignKey(Agent, models.PROTECT, null=True, related_name="+", db_index=False)
    action = models.CharField(max_length=128, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="approved")
                | Q(suggestion__isnull=False, arguments__isnull=False) & ~Q(action_digest=""),
                name="resolution_names_what_was_approved",
            ),
            models.CheckConstraint(condition=~Q(status="pending"), name="resolution_is_final"),
        ]
        indexes = [
            models.Index(fields=["at"], condition=Q(status="approved"), name="resolution_approved_by_time"),
            # History, newest first: all of it, one agent's, one person's.
            models.Index(fields=["at", "proposal"], name="resolution_by_time"),
            models.Index(fields=["agent", "at", "proposal"], name="resolution_by_agent"),
            models.Index(
                fields=["user", "at", "proposal"],
                condition=Q(user__isnull=False),
                name="resolution_by_person",
            ),
            models.Index(
                fields=["agent", "action", "-at"],
                condition=Q(by="human", status__in=["approved", "rejected", "returned"]),
                name="resolution_human_by_pair",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} by {self.actor_name}"


class SampleQuerySet(models.QuerySet["Sample"]):
    def open(self) -> Self:
        return self.filter(status=Sample.Status.OPEN)


class Sample(models.Model):
    """Something that passed by itself, chosen by chance to be checked by a person afterwards.

    Chosen in the transaction that let it pass; open once it was carried out; then answered, or
    expired where nobody answered in time.
    """

    class Status(models.TextChoices):
        CHOSEN = "chosen"
        OPEN = "open"
        RIGHT = "right"
        WRONG = "wrong"
        EXPIRED = "expired", "not answered"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.OneToOneField(Proposal, models.CASCADE, related_name="sample")
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="samples", db_index=False)
    action = models.CharField(max_length=128)
    team = models.ForeignKey(Team, models.PROTECT, db_index=False, help_text="Who is asked.")
    status = models.CharField(max_length=8, choices=Status, default=Status.CHOSEN)
    share = models.FloatField(help_text="Of what passes, the share that was to be chosen.")
    chosen_at = models.DateTimeField(db_default=Now())
    opened_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True, help_text="Not answered by then, it expires.")
    ended_at = models.DateTimeField(null=True, help_text="When it was answered or expired.")
    reviewer = models.ForeignKey(User, models.PROTECT, null=True, related_name="samples", db_index=False)
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)

    objects = SampleQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=Q(status="chosen"), name="sample_chosen"),
            models.Index(
                fields=["team", "deadline", "id"], condition=Q(status="open"), name="sample_open_by_team"
            ),
            models.Index(fields=["deadline"], condition=Q(status="open"), name="sample_open_by_deadline"),
            models.Index(
                fields=["agent", "action", "-ended_at"],
                condition=Q(status__in=["right", "wrong", "expired"]),
                name="sample_ended_by_pair",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="open") | Q(deadline__isnull=False), name="sample_open_has_a_deadline"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["right", "wrong"])
                | Q(reviewer__isnull=False, ended_at__isnull=False),
                name="sample_answered_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status="wrong") | ~Q(reason=""), name="sample_wrong_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.status}"


class RejectedActionQuerySet(models.QuerySet["RejectedAction"]):
    def standing(self) -> Self:
        """Those that may not be asked for again now."""
        return self.filter(reopened_at=None, until__gt=Now())


class RejectedAction(models.Model):
    """An action that a person said no to: its agent does not ask for it again before `until`."""

    fingerprint = models.CharField(
        max_length=71, help_text="As `suggestions.intake.asking_again` computes it."
    )
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="rejected_actions")
    at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField()
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = RejectedActionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fingerprint", "proposal"], name="rejected_once_per_proposal"),
            models.CheckConstraint(
                condition=Q(reopened_at=None, reopened_by=None)
                | Q(reopened_at__isnull=False, reopened_by__isnull=False),
                name="rejected_reopened_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["until"], name="rejected_by_end")]

    def __str__(self) -> str:
        return f"{self.fingerprint[:19]} until {self.until}"


class Precedent(models.Model):
    """A value of an argument that was approved: of an agent (its id is the key) or about a subject."""

    id = models.BigAutoField(primary_key=True)
    key = models.UUIDField()
    mark = models.UUIDField(help_text="Hash of key, argument and value.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["key", "mark", "at"], name="precedent_newest")]

    def __str__(self) -> str:
        return str(self.mark)


class Exact(models.Field):
    """A number as long as it has to be, so that sums are exact."""

    def db_type(self, connection: Any) -> str:
        return "numeric"


class Settled(models.Model):
    """How far the past of an agent (its id is the key) or of a subject is added up."""

    key = models.UUIDField(primary_key=True)
    of_subject = models.BooleanField()
    until = models.DateTimeField(help_text="Everything older is in the subtotals.")

    class Meta:
        verbose_name_plural = "settled"

    def __str__(self) -> str:
        return f"{self.key} until {self.until}"


class Subtotal(models.Model):
    """A piece of a past added up: of proposals made in `span` seconds from `start`, of one status."""

    id = models.BigAutoField(primary_key=True)
    key = models.UUIDField()
    argument = models.TextField(help_text="Empty: no number, only how many.")
    action = models.CharField(max_length=128, help_text="Empty: of any.")
    span = models.PositiveIntegerField()
    start = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Proposal.Status)
    n = models.BigIntegerField()
    total = Exact()
    greatest = Exact(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key", "argument", "action", "span", "start", "status"],
                include=["n", "total", "greatest"],
                name="subtotal_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.n} {self.status} from {self.start}"


class Correction(models.Model):
    """A change of a proposal that was added up already: what it was (−1) and what it became (+1)."""

    id = models.BigAutoField(primary_key=True)
    key = models.UUIDField()
    created_at = models.DateTimeField(help_text="Of the proposal.")
    status = models.CharField(max_length=10, choices=Proposal.Status)
    numbers = models.JSONField()
    sign = models.SmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["key", "created_at"], name="correction_of_key")]

    def __str__(self) -> str:
        return f"{self.sign:+} {self.status}"


class Callback(models.Model):
    """A message owed to an agent: written with the change it tells of, sent until it arrives."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        GIVEN_UP = "given_up"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="callbacks")
    type = models.CharField(max_length=64)
    data = models.JSONField()
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True, help_text="When the broker was last told of it.")
    created_at = models.DateTimeField(db_default=Now())
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="waiting"), name="callback_waiting_by_due")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.status}"


# Django looks for models here; these have a file of their own.
from suggestions.models.backtests import (  # noqa: E402, F401
    Backtest,
    BacktestChunk,
    Disagreement,
    ShadowDifference,
)
from suggestions.models.second import SecondReview  # noqa: E402
