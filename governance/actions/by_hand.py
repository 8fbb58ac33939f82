"""What a workflow hands to a team: whether there is such a team, and whether its form can be filled in."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from governance.actions import schema_reading
from governance.models import Team

MOST_NAMED = 20


def team_named(name: str) -> Team | None:
    """A team by its short name, or as people call it."""
    return Team.objects.filter(Q(slug=name) | Q(name__iexact=name)).order_by("slug").first()


def unknown_team(name: str) -> str:
    """That there is no such team, and which there are; empty where there is one."""
    if team_named(name) is not None:
        return ""
    names = ", ".join(Team.objects.order_by("name").values_list("name", flat=True)[:MOST_NAMED])
    return f"there is no team {name}; there are {names}"


def mistakes_of_form(form: Any) -> list[tuple[str, str]]:
    """What is wrong with the JSON Schema of a form, each with its path in it."""
    return [] if form is None else schema_reading.read(form).mistakes
