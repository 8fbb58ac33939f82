"""A person's own pages: the few of allauth's that this product has (no sign-up, no mail), and API tokens."""

from typing import NoReturn

from allauth.account import views
from allauth.mfa.base import views as second_factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as keys
from django.db import transaction
from django.http import Http404, HttpRequest
from django.urls import path

from governance.door import token_views
from governance.people import absence_views
from reviewapp.accounts import door_pages
from reviewapp.accounts.adapter import SignIn
from reviewapp.accounts.second_factors import shown_first
from reviewapp.web import signed_out


def no_sign_up(request: HttpRequest) -> NoReturn:
    """allauth's log-in page asks where signing up is; it is nowhere."""
    raise Http404


urlpatterns = [
    path("login/", SignIn.as_view(), name="account_login"),
    path("session/", signed_out.session, name="session"),
    path("signed-in/", signed_out.back, name="signed-in"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/reset/", door_pages.reset, name="account_reset_password"),
    path("link/<str:token>/", door_pages.link, name="account_link"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("security/", second_factor.index, name="mfa_index"),
    path("security/sign-in/", second_factor.authenticate, name="mfa_authenticate"),
    path("security/confirm/", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path("security/app/", shown_first(transaction.atomic(totp.activate_totp)), name="mfa_activate_totp"),
    path(
        "security/app/off/", shown_first(transaction.atomic(totp.deactivate_totp)), name="mfa_deactivate_totp"
    ),
    path("security/codes/", shown_first(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "security/codes/new/",
        shown_first(transaction.atomic(codes.generate_recovery_codes)),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "security/codes/download/",
        shown_first(codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path("security/keys/", keys.list_webauthn, name="mfa_list_webauthn"),
    path("security/keys/add/", shown_first(transaction.atomic(keys.add_webauthn)), name="mfa_add_webauthn"),
    path("security/keys/confirm/", keys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path(
        "security/keys/<int:pk>/remove/",
        shown_first(transaction.atomic(keys.remove_webauthn)),
        name="mfa_remove_webauthn",
    ),
    path(
        "security/keys/<int:pk>/",
        shown_first(transaction.atomic(keys.edit_webauthn)),
        name="mfa_edit_webauthn",
    ),
    path("out-of-office/", absence_views.own, name="absence"),
    path("out-of-office/<uuid:absence_id>/end/", absence_views.end, name="end-absence"),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/<int:token_id>/rotate/", token_views.rotate_token, name="rotate-token"),
    path("tokens/<int:token_id>/revoke/", token_views.revoke_token, name="revoke-token"),
    path("signup/", no_sign_up, name="account_signup"),
]
