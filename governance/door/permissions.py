"""The doors of the API. Every view names one; a view that names none lets nobody in."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from governance.door.authentication import AgentCaller
from governance.models import User


class Nobody(BasePermission):
    """What a view has that forgot to say who may come in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class IsAgent(BasePermission):
    """An agent with a valid key."""

    message = "This address is for agents: show an agent's key."

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, AgentCaller)


def has_permission(name: str) -> type[BasePermission]:
    """A person who holds this permission."""

    class HasPermission(BasePermission):
        message = "Your role does not allow this."

        def has_permission(self, request: Request, view: Any) -> bool:
            return isinstance(request.user, User) and request.user.has_perm(name)

    return HasPermission


def is_agent_or(name: str) -> type[BasePermission]:
    """An agent, or a person who holds this permission."""

    class IsAgentOr(has_permission(name)):  # type: ignore[misc]
        def has_permission(self, request: Request, view: Any) -> bool:
            return isinstance(request.user, AgentCaller) or super().has_permission(request, view)

    return IsAgentOr
