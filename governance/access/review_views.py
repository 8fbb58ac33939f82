"""The pages of reviews: which there were, answering grant by grant, signing, and a form for paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from audit.asking.parameters import whole
from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from governance.access import answer, begin, reviews, sign
from governance.access.reviews import PARTS
from governance.access.views import SEES
from governance.models import AccessReview, ReviewedGrant

CHANGES = permission_required("governance.change_accessreview", raise_exception=True)
SIGNS = permission_required("governance.sign_accessreview", raise_exception=True)
MOST_ID = 2**53
Verb = Callable[..., Any]


@login_required
@SEES
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Which reviews there were, newest first."""
    before = read_uuid(request.GET.get("before", ""))
    rows, has_more = reviews.newest(before=before)
    context = {
        "reviews": rows,
        "unfinished": reviews.unfinished(),
        "next_url": f"?{urlencode({'before': rows[-1].pk})}" if has_more else "",
        "previous_url": "?" if before else "",
    }
    return render(request, "governance/access/reviews.html", context)


@login_required
@CHANGES
@require_POST
def open_one(request: HttpRequest) -> HttpResponse:
    """Begin a review of everything that counts now."""
    try:
        review = begin.begin(by=_person(request), actor=actor_of(request))
    except begin.AnotherIsUnfinished as refusal:
        messages.info(request, refusal.detail)
        return redirect("governance:access-reviews")
    return redirect("governance:access-review", review.pk)


@login_required
@SEES
@require_safe
def one(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """A review: how far it is, and its grants."""
    review = _found(review_id)
    is_open = review.status == AccessReview.Status.OPEN
    part = request.GET.get("show", "unanswered" if is_open else "all")
    if part not in PARTS:
        raise Http404
    after = whole(request.GET.get("after", ""), most=MOST_ID)
    rows, has_more = reviews.page(review, part=part, after=after)
    context = {
        "review": review,
        "progress": reviews.progress_of(review),
        "grants": [reviews.row_of(grant, reader=_person(request).pk) for grant in rows],
        "part": part,
        "parts": [(name, label) for name, (label, _) in PARTS.items()],
        "may_sign": sign.may_sign(review, _person(request)),
        "meanings": AccessReview.Meaning.choices,
        "next_url": f"?{urlencode({'show': part, 'after': rows[-1].pk})}" if has_more else "",
        "next_label": "More",
        "previous_url": f"?show={part}" if after else "",
        "previous_label": "First",
    }
    return render(request, "governance/access/review.html", context)


@login_required
@SEES
@require_safe
def printed(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """All of a review on one page, for paper."""
    review = _found(review_id)
    grants = [reviews.row_of(grant) for grant in reviews.grants_of(review)]
    context = {"review": review, "progress": reviews.progress_of(review), "grants": grants}
    return render(request, "governance/access/review_print.html", context)


@login_required
@CHANGES
@require_POST
def keep(request: HttpRequest, grant_id: int) -> HttpResponse:
    """Leave it to whoever has it."""
    return _answered(request, grant_id, lambda who: answer.keep(grant_id, **who))


@login_required
@CHANGES
@require_POST
def remove(request: HttpRequest, grant_id: int) -> HttpResponse:
    """Take it away at once."""
    return _answered(request, grant_id, lambda who: answer.remove(grant_id, **who))


@login_required
@CHANGES
@require_POST
def withdraw(request: HttpRequest, grant_id: int) -> HttpResponse:
    """Take the answer back."""
    return _answered(request, grant_id, lambda who: answer.withdraw(grant_id, actor=who["actor"]))


@login_required
@CHANGES
@require_POST
def submit(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """Hand it to a second person."""
    said = "It waits for a second person to sign now."
    return _moved(request, review_id, said, lambda who: sign.submit(review_id, **who))


@login_required
@SIGNS
@require_POST
def send_back(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """Let its answers be changed again."""
    said = "Its answers can be changed again."
    return _moved(request, review_id, said, lambda who: sign.send_back(review_id, actor=who["actor"]))


def signed(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """Sign for it as the second person, whom the door has just seen confirm who they are."""
    meaning = request.POST.get("meaning", "")
    said = "Signed. Nothing of this review can change any more."
    return _moved(request, review_id, said, lambda who: sign.sign(review_id, meaning=meaning, **who))


def _answered(request: HttpRequest, grant_id: int, verb: Verb) -> HttpResponse:
    """The row as it is now, with what refused it; a whole page for a browser without scripts."""
    refused = ""
    try:
        verb(_who(request))
    except (AccessReview.DoesNotExist, ReviewedGrant.DoesNotExist) as error:
        raise Http404 from error
    except Refusal as refusal:
        refused = refusal.detail
    grant = ReviewedGrant.objects.select_related("review", "user", "answered_by").get(pk=grant_id)
    if not request.htmx:  # type: ignore[attr-defined]
        if refused:
            messages.error(request, refused)
        return redirect("governance:access-review", grant.review_id)
    context = {
        "grant": reviews.row_of(grant, reader=_person(request).pk),
        "review": grant.review,
        "progress": reviews.progress_of(grant.review),
        "refused": refused,
    }
    return render(request, "governance/access/_answered.html", context, status=409 if refused else 200)


def _moved(request: HttpRequest, review_id: UUID, said: str, verb: Verb) -> HttpResponse:
    try:
        verb(_who(request))
    except AccessReview.DoesNotExist as error:
        raise Http404 from error
    except Invalid as refusal:
        messages.error(request, refusal.errors[0]["detail"])
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, said)
    return redirect("governance:access-review", review_id)


def _found(review_id: UUID) -> AccessReview:
    review = reviews.one(review_id)
    if review is None:
        raise Http404
    return review


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"by": _person(request), "actor": actor_of(request)}


def _person(request: HttpRequest) -> Any:
    return request.user
