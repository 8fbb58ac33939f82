"""Signing in: people are made by an operator, and every way in or out is an event."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.http import HttpRequest

from audit.actors import ANONYMOUS
from audit.asking import actor_of
from audit.record import record, record_alone


class ClosedAccountAdapter(DefaultAccountAdapter):
    """allauth without signing up: an account comes from `create_user` alone."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    @transaction.atomic
    def login(self, request: HttpRequest, user: Any) -> None:
        super().login(request, user)
        record("session.opened", actor=actor_of(request), data={})

    @transaction.atomic
    def logout(self, request: HttpRequest) -> None:
        actor = actor_of(request)
        super().logout(request)
        record("session.closed", actor=actor, data={})

    @transaction.atomic
    def set_password(self, user: Any, password: str) -> None:
        super().set_password(user, password)
        record("password.changed", actor=user.as_actor(), data={"user": str(user.pk)})

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        # The name that was typed is left out: people type passwords into that field.
        record_alone("session.refused", actor=ANONYMOUS, data={"reason": "wrong name or password"})
