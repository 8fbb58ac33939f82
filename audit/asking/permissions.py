"""The doors of the log's API; agents have no permissions, so they stay outside."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class _Holds(BasePermission):
    permission: str
    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.user is not None and bool(request.user.has_perm(self.permission))


class MayReadEvents(_Holds):
    permission = "audit.view_event"


class MayExportEvents(_Holds):
    permission = "audit.export_event"
