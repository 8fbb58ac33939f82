"""Raw data for operators, to read only: rows are written by verbs, which also write the event."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from execution.models import Attempt, Execution, Step


class ReadOnly:
    """Nobody adds, changes or deletes here."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StepInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = Step


@admin.register(Execution)
class ExecutionAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "status", "reason", "created_at", "deadline"]
    list_filter = ["status"]
    show_full_result_count = False
    inlines = [StepInline]


@admin.register(Attempt)
class AttemptAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "route", "outcome", "http_status", "started_at"]
    list_filter = ["outcome"]
    show_full_result_count = False
