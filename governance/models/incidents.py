"""What went wrong, who takes it on, and how it ended."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models.agents import Agent
from governance.models.people import Team, User


class Paged(models.Model):
    """What people are told of until somebody sees to it: reminded, and once others are asked."""

    reminders = models.PositiveSmallIntegerField(default=0, help_text="How often people were reminded.")
    remind_at = models.DateTimeField(null=True, blank=True, help_text="When they are told next.")
    escalate_at = models.DateTimeField(
        null=True, blank=True, help_text="When others are asked; empty once they were."
    )
    escalated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> Self:
        return self.filter(closed_at=None)

    def untaken(self) -> Self:
        """Those that nobody has taken on."""
        return self.open().filter(acknowledged_at=None)


class Incident(Paged):
    """Something that went wrong, until somebody has dealt with it.

    One of an agent's speaks against trusting it: while it is open, the agent is not promoted. The same
    `cause` opens one, and what comes after is counted there. One of a team's pages that team.
    """

    class Kind(models.TextChoices):
        SAMPLE = "sample", "wrong in a sample"
        FAILURES = "failures", "failures over the bound"
        BOUNDARY = "boundary", "boundary hit"
        DRIFT = "drift", "drift alarm"
        REPORTED = "reported", "reported by a person"
        UNPROVED = "unproved", "approval that can't be proved"
        MISMATCH = "mismatch", "done, but not as claimed"
        DISPROVED = "disproved", "the agent's report is disproved"
        NEVER_REPORTED = "never_reported", "handed back, never reported"
        PAST_DEADLINE = "past_deadline", "not finished by its deadline"
        SUCCESS_FELL = "success_fell", "success fell"
        VOLUME_STOPPED = "volume_stopped", "nothing comes any more"
        LOG_FORKED = "log_forked", "the log is not the one that was"

    class FoundToBe(models.TextChoices):
        AGENT = "agent", "the agent did wrong"
        SERVICE = "service", "a service was away or did wrong"
        WORKFLOW = "workflow", "the workflow or its proof is wrong"
        PEOPLE = "people", "one of us made a mistake"
        EXPECTED = "expected", "it was planned or expected"
        FALSE_ALARM = "false_alarm", "nothing was wrong"
        OTHER = "other", "something else"

    id = models.UUIDField(primary_key=True, default=uuid7)
    kind = models.CharField(max_length=14, choices=Kind)
    cause = models.CharField(
        max_length=400, blank=True, db_default="", help_text="What makes it the same thing twice."
    )
    agent = models.ForeignKey(Agent, models.CASCADE, null=True, blank=True, related_name="incidents")
    action = models.CharField(max_length=128, blank=True, help_text="Empty: every action.")
    team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, db_index=False, related_name="incidents"
    )
    escalated_to = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    detail = models.CharField(max_length=500)
    proposal = models.UUIDField(
        null=True, blank=True, help_text="Of the first proposal that it is about, if of one."
    )
    count = models.PositiveIntegerField(default=1, db_default=1, help_text="How often it happened.")
    opened_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="opened_incidents"
    )
    opened_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now(), help_text="When it happened last.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="closed_incidents"
    )
    found_to_be = models.CharField(max_length=11, choices=FoundToBe, blank=True, db_default="")
    closing_reason = models.CharField(max_length=500, blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        permissions = [("attend_incident", "Can take on, note and close an incident of a team")]
        indexes = [
            models.Index(fields=["agent", "action"], condition=Q(closed_at=None), name="incident_open"),
            models.Index(fields=["agent", "-id"], name="incident_by_agent"),
            models.Index(fields=["-id"], condition=Q(closed_at=None), name="incident_open_by_age"),
            models.Index(fields=["team", "-id"], name="incident_by_team"),
            models.Index(fields=["cause", "-id"], condition=~Q(cause=""), name="incident_by_cause"),
            models.Index(fields=["remind_at"], condition=~Q(remind_at=None), name="incident_to_remind_of"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["cause"],
                condition=Q(closed_at=None) & ~Q(cause=""),
                name="incident_open_once_per_cause",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_by__isnull=False) & ~Q(closing_reason=""),
                name="incident_closed_by_somebody_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at=None, acknowledged_by=None)
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
                name="incident_acknowledged_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(remind_at=None) | Q(closed_at=None, acknowledged_at=None),
                name="incident_reminds_while_nobody_has_it",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class IncidentNote(models.Model):
    """What somebody found out about an incident, or did about it."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="notes", db_index=False)
    text = models.CharField(max_length=2000)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now())
    salt = models.BinaryField(max_length=16, default=new_salt)

    class Meta:
        indexes = [models.Index(fields=["incident", "id"], name="incident_note_by_incident")]

    def __str__(self) -> str:
        return self.text
