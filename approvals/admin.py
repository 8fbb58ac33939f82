"""Raw decisions, for operators: to look at, never to change."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from approvals.models import Decision


@admin.register(Decision)
class DecisionAdmin(admin.ModelAdmin):
    list_display = ("id", "proposal_id", "verdict", "reviewer", "standing", "at")
    list_filter = ("verdict", "standing")
    list_select_related = ("reviewer",)
    ordering = ("-id",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
