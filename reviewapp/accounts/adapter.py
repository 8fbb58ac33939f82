"""Signing in: people are made by an operator, and every way in or out is an event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import ChangePasswordForm, LoginForm
from allauth.account.views import LoginView
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.stages import AuthenticateStage
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from approvals.models.kinds import Kind
from approvals.telling.owe import Line, add
from audit.asking.addresses import address_of
from audit.asking.who import actor_of
from audit.log.record import record
from governance.door import devices, signing_in, tries
from governance.door.signing_in import WrongCode
from governance.door.tries import Counter, TooSoon
from governance.models import Risk, User


class ClosedAccountAdapter(DefaultAccountAdapter):
    """allauth without signing up: an account comes from `create_user` or an invitation alone."""

    _try: signing_in.Try

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request)

    def get_login_stages(self) -> list[str]:
        theirs, ours = "allauth.mfa.stages.AuthenticateStage", "reviewapp.accounts.adapter.SecondFactorOnce"
        return [ours if stage == theirs else stage for stage in super().get_login_stages()]

    # --- Trying ------------------------------------------------------------------------------

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Who has to wait is told how long; their password is not looked at."""
        code = request.POST.get("code", "")[:64]
        try:
            self._try = signing_in.begin(request, str(credentials.get("username", "")), code=code)
        except TooSoon as refusal:
            request.wait_seconds = refusal.seconds  # type: ignore[attr-defined]
            raise ValidationError(str(refusal), code="too_soon") from refusal
        except WrongCode as refusal:
            raise ValidationError(str(refusal), code="too_soon") from refusal

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        if user:
            self._try.succeeded()
            request.shown_factor = self._try.factor  # type: ignore[attr-defined]
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        self._try.failed()
        if self._try.user and self._try.used_up:
            _tell(self._try.user, Kind.FAILED_TRIES, occasion=f"{datetime.now(UTC):%Y-%m-%dT%H}")

    # --- In and out --------------------------------------------------------------------------

    @transaction.atomic
    def login(self, request: HttpRequest, user: Any) -> None:
        is_known = devices.known(request, user) is not None
        was_here = user.last_login is not None
        super().login(request, user)
        facts = {"address": address_of(request), "device": "known" if is_known else "new"}
        record("session.opened", actor=actor_of(request), data=facts)
        if was_here and not is_known:
            _tell(user, Kind.NEW_DEVICE, occasion=f"{datetime.now(UTC).isoformat()}")

    def post_login(self, request: HttpRequest, user: Any, **how: Any) -> HttpResponse:
        response = super().post_login(request, user, **how)
        devices.remember(request, response, user)
        return response

    @transaction.atomic
    def logout(self, request: HttpRequest) -> None:
        actor = actor_of(request)
        super().logout(request)
        record("session.closed", actor=actor, data={})

    @transaction.atomic
    def set_password(self, user: Any, password: str) -> None:
        super().set_password(user, password)
        devices.forget(user)
        record("password.changed", actor=user.as_actor(), data={"user": str(user.pk)})


@transaction.atomic
def _tell(user: User, kind: Kind, *, occasion: str) -> None:
    """Tell the account's owner, on every page and at their addresses."""
    add([Line(user.pk, kind, None, Risk.HIGH, (), occasion)])


class SecondFactorOnce(AuthenticateStage):
    """Whoever showed a second factor together with the password is not asked for another."""

    def _should_handle(self, request: HttpRequest) -> bool:
        factor = getattr(request, "shown_factor", None)
        if factor is None or self.login.user is None or factor.user_id != self.login.user.pk:
            return super()._should_handle(request)
        factor.user = self.login.user
        post_authentication(request, factor)
        return False


# --- Forms ----------------------------------------------------------------------------------


class SignInForm(LoginForm):
    """Name and password; once one has to wait, a second factor too, with which one need not."""

    code = forms.CharField(
        label="Code of your second factor",
        required=False,
        max_length=64,
        widget=forms.HiddenInput,
        help_text="Whoever has set one up gets in with it at once. A recovery code does too.",
    )

    def clean(self) -> Any:
        try:
            return super().clean()
        except ValidationError as refusal:
            if refusal.code == "too_soon":
                self.fields["code"].widget = forms.TextInput(
                    attrs={"autocomplete": "one-time-code", "spellcheck": "false"}
                )
            raise


class OwnPasswordForm(ChangePasswordForm):
    """The old password can't be guessed from a session that was left open."""

    def clean_oldpassword(self) -> str:
        return _counted([Counter(f"own-password:{self.user.pk}", free=5)], super().clean_oldpassword)


class _CodeForm:
    user: User
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        from allauth.core import context

        counters = signing_in.code_counters(context.request, self.user)
        return _counted(counters, super().clean_code)  # type: ignore[misc]


class SecondFactorForm(_CodeForm, AuthenticateForm):
    pass


class ConfirmForm(_CodeForm, ReauthenticateForm):
    pass


def _counted(counters: list[Counter], check: Any) -> str:
    """What was typed, if it is right and its turn has come."""
    try:
        tries.admit(counters)
    except TooSoon as refusal:
        raise ValidationError(str(refusal), code="too_soon") from refusal
    found: str = check()
    tries.take_back(counters)
    return found


class SignIn(LoginView):
    """The log-in page; whoever has to wait is told so in a way that programs understand, too."""

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        if seconds := getattr(self.request, "wait_seconds", 0):
            response.status_code = 429
            response["Retry-After"] = str(seconds)
        return response
