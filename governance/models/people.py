"""People and their teams."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models.functions import Now

from audit.ground.actors import Actor

LONGEST_NAME = 301  # of an actor: a first name, a blank and a last name


class Team(models.Model):
    """People who decide together; a policy names teams by their slug."""

    slug = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person. What they may do comes from their roles (groups); what they see, from their teams."""

    groups: models.ManyToManyField[Group, RoleHeld] = models.ManyToManyField(  # type: ignore[assignment]
        Group, through="RoleHeld", blank=True, related_name="user_set", related_query_name="user"
    )
    teams: models.ManyToManyField[Team, TeamMembership] = models.ManyToManyField(
        Team, through="TeamMembership", blank=True, related_name="members"
    )
    let_in_by = models.CharField(max_length=LONGEST_NAME, blank=True, help_text="As the log names them.")
    single_keys = models.BooleanField(default=True, help_text="Single keys are shortcuts on the desk.")

    class Roles(models.TextChoices):
        REVIEWER = "reviewer"
        AUDITOR = "auditor"
        OPERATOR = "operator"

    @property
    def printed_name(self) -> str:
        return self.get_full_name() or self.username

    def as_actor(self, *, session: str = "", authenticated_by: str = "") -> Actor:
        return Actor("user", str(self.pk), self.printed_name, session, authenticated_by)


class Given(models.Model):
    """What somebody was given, with when and by whom; empty where it was given before that was kept."""

    since = models.DateTimeField(null=True, db_default=Now())
    given_by = models.CharField(max_length=LONGEST_NAME, blank=True, help_text="As the log names them.")

    class Meta:
        abstract = True
        default_permissions = ()


class RoleHeld(Given):
    """That a person has a role."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    group = models.ForeignKey(Group, models.CASCADE, related_name="+")

    class Meta(Given.Meta):
        db_table = "governance_user_groups"
        unique_together = (("user", "group"),)

    def __str__(self) -> str:
        return f"{self.group_id} of {self.user_id}"


class TeamMembership(Given):
    """That a person is in a team."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")

    class Meta(Given.Meta):
        db_table = "governance_user_teams"
        unique_together = (("user", "team"),)

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id}"
