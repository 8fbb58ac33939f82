"""A session that ends while somebody writes: nothing they sent is lost, and they go on beside it.

A script is answered 401, and the page keeps what it has. A form sent without one is answered by a page that
holds what was sent and sends it again. That page is drawn only for a form of our own: another site could
otherwise put its words into somebody's mouth.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import render, resolve_url
from django.views.decorators.http import require_safe

from reviewapp.web.middleware import is_api

OWN_FORMS = ("/accounts/", "/admin/")  # of signing in and of passwords: never shown again
_PRIVATE = re.compile("password|secret|otp", re.IGNORECASE)
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def keep_what_was_sent(get_response: GetResponse) -> GetResponse:
    """In the place of the log-in page, for what can't follow there without losing what it carries."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if is_api(request) or response.status_code != 302 or request.user.is_authenticated:
            return response
        if not response.headers["Location"].startswith(resolve_url(settings.LOGIN_URL)):
            return response
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401)
        return sent_again(request) or response

    return middleware


def sent_again(request: HttpRequest) -> HttpResponse | None:
    """The page that holds what was sent; None where that can't be shown or is not ours."""
    if request.method != "POST" or not _is_ours(request) or request.path.startswith(OWN_FORMS):
        return None
    sent = [(name, value) for name, values in request.POST.lists() for value in values]
    fields = [(name, value) for name, value in sent if name != "csrfmiddlewaretoken"]
    if any(_PRIVATE.search(name) for name, _ in fields):
        return None
    context = {
        "fields": fields,
        "words": [value for _, value in fields if len(value.split()) > 1],
        "files": bool(request.FILES),
        "address": request.get_full_path(),
    }
    status = 403 if request.user.is_authenticated else 401
    return render(request, "errors/sent_again.html", context, status=status)


def _is_ours(request: HttpRequest) -> bool:
    own = f"{request.scheme}://{request.get_host()}"
    return request.headers.get("Origin") in {own, *settings.CSRF_TRUSTED_ORIGINS}


@require_safe
def session(request: HttpRequest) -> JsonResponse:
    """Who is signed in, and the token for the forms of a page that was drawn before they signed in again."""
    if not request.user.is_authenticated:
        return JsonResponse({"user": "", "name": "", "token": ""})
    user = request.user
    return JsonResponse({"user": str(user.pk), "name": user.printed_name, "token": get_token(request)})


@login_required
@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Where somebody lands who signed in beside a page that waits for them."""
    return render(request, "account/back.html")
