"""A person's notices: the list behind the bell, how they wish to be told, and their addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.attention import presence
from approvals.models.kinds import TOPICS, Outside
from approvals.models.notices import Delivery, Notice, Target, Wishes
from approvals.queue.doors import SignedInRequest, signed_in
from approvals.telling import bell, carrier, targets, wishes
from approvals.telling.tell import in_words
from audit.asking.who import actor_of
from audit.ground import hours
from audit.ground.refusals import Invalid
from audit.ground.unseen import shown
from suggestions.models import Proposal

SHOWN = 100
_DAY_NAMES = dict(zip(hours.DAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))


# --- The list --------------------------------------------------------------------------------


@signed_in
@require_GET
def notices(request: SignedInRequest) -> HttpResponse:
    """What whoever asks was told, newest first."""
    mine = Notice.objects.filter(user=request.user, on_page=True).select_related("team")
    lines = list(mine.order_by("-at", "-id")[:SHOWN])
    sentences = _sentences(request, lines)
    rows = [
        {
            "id": line.pk,
            "said": in_words(line).text,
            "sentence": sentences.get(line.proposals[0], "") if line.count == 1 and line.proposals else "",
            "at": line.at,
            "risk": line.risk,
            "unread": not line.read_at,
        }
        for line in lines
    ]
    return render(
        request,
        "approvals/telling/notices.html",
        {"rows": rows, "any_unread": any(r["unread"] for r in rows)},
    )


def _sentences(request: SignedInRequest, lines: list[Notice]) -> dict[UUID, str]:
    """What would happen by each that a line alone tells of, as far as this person may see it still."""
    alone = [line.proposals[0] for line in lines if line.count == 1 and line.proposals]
    known = Proposal.objects.visible_to(request.user).filter(pk__in=alone)
    return {pk: shown(sentence) for pk, sentence in known.values_list("pk", "sentence")}


@signed_in
@require_GET
def notice(request: SignedInRequest, notice_id: int) -> HttpResponse:
    """To what a notice tells of; it counts as read from now on."""
    line = get_object_or_404(Notice.objects.select_related("team"), pk=notice_id, user=request.user)
    Notice.objects.filter(pk=line.pk, read_at=None).update(read_at=Now())
    return redirect(in_words(line).path)


@signed_in
@require_POST
def read(request: SignedInRequest) -> HttpResponse:
    """All of it counts as read."""
    Notice.objects.unread().filter(user=request.user).update(read_at=Now())
    return redirect("approvals:notices")


@signed_in
@require_POST
def here(request: SignedInRequest) -> JsonResponse:
    """A page of ours is in the foreground; answers how much is unread."""
    presence.beat(request.user, desk=request.POST.get("desk") == "1")
    return JsonResponse(bell.drawn(bell.unread(request.user)))


# --- How to be told --------------------------------------------------------------------------


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: SignedInRequest) -> HttpResponse:
    """How whoever asks wishes to be told."""
    wished, errors = wishes.of(request.user), {}
    if request.method == "POST":
        try:
            wishes.save(wishes.read(request.POST, wished), actor=actor_of(request))
        except Invalid as refusal:
            errors = {error["pointer"][1:]: error["detail"] for error in refusal.errors}
        else:
            messages.success(request, "Saved. From now on you are told like this.")
            return redirect("approvals:notice-settings")
    return _settings(request, wished, errors, quiet=_quiet_asked(request, wished))


def _quiet_asked(request: SignedInRequest, wished: Wishes) -> bool:
    return bool(request.POST.get("quiet")) if request.method == "POST" else bool(wished.quiet_days)


def _settings(
    request: SignedInRequest,
    wished: Wishes,
    errors: dict[str, str],
    *,
    quiet: bool,
    typed: dict[str, str] | None = None,
) -> HttpResponse:
    context = {
        "wished": wished,
        "errors": errors,
        "typed": typed or {},
        "topics": [_topic_row(topic, wished) for topic in TOPICS],
        "outside": Outside.choices,
        "every": wishes.EVERY,
        "zones": sorted(available_timezones()),
        "quiet": quiet,
        "days": [
            {"day": day, "name": name, "chosen": day in wished.quiet_days or not quiet}
            for day, name in _DAY_NAMES.items()
        ],
        "targets": _target_rows(request),
        "most": targets.MOST,
        "services": sorted({service.words for service in carrier.SERVICES.values()}),
    }
    return render(request, "approvals/telling/notice_settings.html", context, status=422 if errors else 200)


def _topic_row(topic: Any, wished: Wishes) -> dict[str, Any]:
    return {"name": topic.name, "words": topic.words, "help": topic.help, "wish": wished.of_topic(topic.name)}


def _target_rows(request: SignedInRequest) -> list[dict[str, Any]]:
    on_its_way = Delivery.objects.filter(target=OuterRef("pk"), status=Delivery.Status.WAITING)
    mine = Target.objects.filter(user=request.user).annotate(waiting=Exists(on_its_way))
    return [{"target": target, "waiting": target.waiting} for target in mine]


# --- Addresses -------------------------------------------------------------------------------


@signed_in
@require_POST
def add_target(request: SignedInRequest) -> HttpResponse:
    """One more address; what was typed is not shown again."""
    name = request.POST.get("name", "")
    try:
        target = targets.add(
            request.user, address=request.POST.get("address", ""), name=name, actor=actor_of(request)
        )
    except Invalid as refusal:
        wished = wishes.of(request.user)
        errors = {"address": refusal.errors[0]["detail"]}
        return _settings(request, wished, errors, quiet=bool(wished.quiet_days), typed={"name": name})
    messages.success(
        request, f"{target.service} to {target.shown} was added. Send a test to see whether it works."
    )
    return _to_addresses()


@signed_in
@require_POST
def try_target(request: SignedInRequest, target_id: UUID) -> HttpResponse:
    """A test message to an address."""
    try:
        targets.attempt(target_id, user=request.user, actor=actor_of(request))
    except Target.DoesNotExist:
        raise Http404 from None
    except targets.TriedJustNow as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(
            request, "A test is on its way. Load this page again in a moment to see what came of it."
        )
    return _to_addresses()


@signed_in
@require_POST
def remove_target(request: SignedInRequest, target_id: UUID) -> HttpResponse:
    """Forget an address."""
    try:
        targets.remove(target_id, user=request.user, actor=actor_of(request))
    except Target.DoesNotExist:
        raise Http404 from None
    messages.success(request, "The address was removed.")
    return _to_addresses()


def _to_addresses() -> HttpResponse:
    return redirect(f"{reverse('approvals:notice-settings')}#addresses")
