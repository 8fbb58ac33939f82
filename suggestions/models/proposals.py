"""What agents hand in, and the one answer to it."""

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
from governance.door.teams import slugs_of
from governance.models import ActionType, Agent, PolicyVersion, Risk, Team, User
from suggestions.models.second import SecondReview


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
        return seen.for_teams(sorted(slugs_of(user)))

    def for_teams(self, slugs: Sequence[str]) -> Self:
        """What any of these teams is asked about, alone or together with others."""
        return self.filter(Q(team__in=slugs) | Q(also_teams__overlap=list(slugs)))


def visible_sql(proposal: str) -> str:
    """`visible_to` in SQL, of a table's alias, with the values of `seen_by`."""
    return f"""(%(sees_all)s OR {proposal}.team_id = ANY(%(teams)s::varchar[])
           OR {proposal}.also_teams && %(teams)s::varchar[])
       AND NOT EXISTS (SELECT FROM suggestions_secondreview blind WHERE blind.proposal_id = {proposal}.id
                          AND blind.status = 'open' AND blind.second_id = %(reader)s)"""


def seen_by(user: User) -> dict[str, Any]:
    """What `visible_sql` has to know of a reader."""
    teams = sorted(slugs_of(user)) if user.has_perm("suggestions.view_proposal") else []
    sees_all = user.has_perm("suggestions.view_every_proposal")
    return {"sees_all": sees_all, "teams": teams, "reader": user.pk}


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
            models.Index(fields=["team", "status", "-id"], name="proposal_by_team_and_status"),
            models.Index(fields=["-id"], condition=~Q(also_teams=[]), name="proposal_of_several_teams"),
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
