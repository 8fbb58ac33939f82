"""A person's own pages: the few of allauth's that this product has (no sign-up, no mail), and API tokens."""

from typing import NoReturn

from allauth.account import views
from django.http import Http404, HttpRequest
from django.urls import path

from governance import token_views


def no_sign_up(request: HttpRequest) -> NoReturn:
    """allauth's log-in page asks where signing up is; it is nowhere."""
    raise Http404


urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/<int:token_id>/rotate/", token_views.rotate_token, name="rotate-token"),
    path("tokens/<int:token_id>/revoke/", token_views.revoke_token, name="revoke-token"),
    path("signup/", no_sign_up, name="account_signup"),
]
