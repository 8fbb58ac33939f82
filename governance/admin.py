"""Raw rows for operators. Nothing is changed here: a change goes through its verb, with its event."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest

from governance.models import ActionType, Agent, AgentKey, ApiToken, Autonomy, PolicyVersion, Team, User

MOST = 10_000


class CappedPaginator(Paginator):
    """Counts no further than anybody would leaf."""

    @property
    def count(self) -> int:  # type: ignore[override]
        return self.object_list[:MOST].count()  # type: ignore[attr-defined]


class ReadOnly(admin.ModelAdmin):
    """Look, don't touch. Without the permission to view, not even that."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(ReadOnly):
    list_display = ("username", "is_active", "is_staff", "last_login")
    fields = (
        "username",
        "first_name",
        "last_name",
        "is_active",
        "is_staff",
        "roles",
        "in_teams",
        "last_login",
    )
    readonly_fields = ("roles", "in_teams")
    search_fields = ("username",)

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(user.groups.order_by("name").values_list("name", flat=True))

    @admin.display(description="teams")
    def in_teams(self, user: User) -> str:
        return ", ".join(user.teams.order_by("name").values_list("name", flat=True))


@admin.register(Team)
class TeamAdmin(ReadOnly):
    list_display = ("slug", "name")


@admin.register(Agent)
class AgentAdmin(ReadOnly):
    list_display = ("name", "owner", "enabled", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name",)


@admin.register(AgentKey, ApiToken)
class SecretAdmin(ReadOnly):
    list_display = ("prefix", "created_at", "last_used_at", "revoked_at")
    exclude = ("hash",)


@admin.register(ActionType)
class ActionTypeAdmin(ReadOnly):
    list_display = ("name", "version", "current", "reversibility", "created_at")
    list_filter = ("current",)
    search_fields = ("name",)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnly):
    list_display = ("digest", "status", "author", "created_at")
    list_select_related = ("author",)


@admin.register(Autonomy)
class AutonomyAdmin(ReadOnly):
    list_display = ("agent", "action", "stage")
    list_select_related = ("agent",)
