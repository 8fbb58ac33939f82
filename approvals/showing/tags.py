"""Filters that every template knows: figures as people read them."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def stated(value: float | None) -> str:
    """A confidence or probability from 0 to 1 as an agent stated it: "0.87", or that it did not."""
    return "not stated" if value is None else f"{value:.2f}"


@register.filter
def seconds(value: float) -> str:
    """Whole seconds that are left, for people: "12 s". For scripts they stand beside it, unrounded."""
    return f"{value:.0f} s"
