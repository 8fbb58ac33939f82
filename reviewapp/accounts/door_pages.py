"""The pages before somebody is in: asking for a link, and choosing a password with one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from audit.asking.addresses import address_of, source_of
from audit.outbox.tell_worker import tell_worker
from governance.door import links, tries
from governance.door.tries import Counter, TooSoon
from governance.models import User

NOBODY = "0"
_FEW = 3  # accounts of one e-mail address


@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest) -> HttpResponse:
    """Ask for a link by e-mail. The answer is the same whether there is such an account or not."""
    if request.method != "POST" or not settings.EMAIL_URL:
        return render(request, "account/password_reset.html", {"by_mail": bool(settings.EMAIL_URL)})
    asked = request.POST.get("account", "").strip()[:254]
    context: dict[str, Any] = {"by_mail": True, "account": asked}
    if not asked:
        context["problem"] = "Type your username or e-mail address."
        return render(request, "account/password_reset.html", context, status=422)
    try:
        tries.admit([Counter(f"reset:{source_of(address_of(request))}", free=10, longest=300)])
    except TooSoon as refusal:
        problem = f"Too many links were asked for. Try again in {tries.in_words(refusal.seconds)}."
        answer = render(request, "account/password_reset.html", {**context, "problem": problem}, status=429)
        answer["Retry-After"] = str(refusal.seconds)
        return answer
    # A message goes out in any case, so that the time this takes tells nothing either.
    for person in _people(asked) or [NOBODY]:
        tell_worker("reviewapp.tasks.send_reset", person)
    return render(request, "account/password_reset.html", {**context, "asked": True})


def _people(asked: str) -> list[str]:
    """Those with this name or e-mail address, who have one to send to and were not sent too many."""
    found = User.objects.filter(is_active=True).exclude(email="")
    found = found.filter(email__iexact=asked) if "@" in asked else found.filter(username__iexact=asked)
    people = []
    for user in found.order_by("pk")[:_FEW]:
        try:
            tries.admit([Counter(f"reset-of:{user.pk}", free=3, first=600, longest=3600, memory=7200)])
        except TooSoon:
            continue
        people.append(str(user.pk))
    return people


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Choose a password with a link. Opening it uses nothing up; it is used by a password that is taken."""
    try:
        found = links.find(token)
        problem = ""
        if request.method == "POST":
            problem = _choose(request, token)
            if not problem:
                messages.success(request, "Your password is set. Sign in with it.")
                return redirect("account_login")
    except links.LinkIsOver:
        return render(request, "account/link_over.html", {"by_mail": bool(settings.EMAIL_URL)}, status=410)
    context = {"link": found, "person": found.user, "problem": problem}
    return render(request, "account/link.html", context, status=422 if problem else 200)


def _choose(request: HttpRequest, token: str) -> str:
    """What is wrong with the password that was typed, or nothing and it is set."""
    password = request.POST.get("password1", "")
    if password != request.POST.get("password2", ""):
        return "The two passwords are not the same."
    try:
        links.use(token, password)
    except links.PasswordRefused as refusal:
        return refusal.detail
    return ""
