"""People and their teams."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models

from audit.ground.actors import Actor


class Team(models.Model):
    """People who decide together; a policy names teams by their slug."""

    slug = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person. What they may do comes from their roles (groups); what they see, from their teams."""

    teams = models.ManyToManyField(Team, blank=True, related_name="members")
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
