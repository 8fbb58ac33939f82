"""Second looks: what one is asked to decide again without knowing what was decided, and what came of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals.deciding import second
from approvals.deciding.together import defaults, leaves
from approvals.desk.pages import in_words, reason_of, suggestion_named
from approvals.queue.doors import SignedInRequest, signed_in
from approvals.queue.read import visible_among
from approvals.queue.rows import subject_of
from approvals.showing.arguments import in_words as said_of
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import Piece, pieces, shown
from audit.log.record import record_alone
from governance.door.deciders import DECIDES
from governance.models import ActionType, Risk, User
from governance.showing.sentences import path_labels
from suggestions.models import Proposal, SecondReview, Suggestion

MOST_ENDED = 50
_SAID = {"approve": "approve", "reject": "reject", "return": "return it"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One suggestion, as the agent made it."""

    id: str
    rank: int
    sentence: list[Piece]
    risk: str
    reversibility: str
    confidence: float | None
    success_probability: float | None
    arguments: list[tuple[str, list[Piece]]]
    explanation: list[Piece]
    indicators: list[list[Piece]]
    chosen: bool


@dataclass(frozen=True, slots=True)
class Blind:
    """What somebody is shown who decides a second time: what the agent sent, and what the policy asks.

    It is put together from the proposal alone, never from what people did with it, so that nothing
    which is added to a proposal's page later can tell.
    """

    sentence: list[Piece]
    title: list[Piece]
    summary: list[Piece]
    agent: str
    subject: str
    risk: str
    choices: list[Choice]
    messages: list[tuple[str, list[Piece]]]
    context: list[tuple[str, list[Piece]]]
    rules: list[tuple[str, str]]


# --- Reading --------------------------------------------------------------------------------------


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_GET
def listed(request: SignedInRequest) -> HttpResponse:
    """What is asked of me, and what came of earlier ones."""
    ended = request.GET.get("show") == "answered"
    if ended:
        found = list(second.ended_for(request.user)[:MOST_ENDED])
        known = visible_among([one.proposal_id for one in found], request.user)
        rows = [_ended(one, request.user, known) for one in found]
    else:
        rows = [_waiting(one) for one in second.asked_of(request.user)]
    waiting = second.how_many_wait(request.user)
    return render(
        request, "approvals/desk/second_looks.html", {"rows": rows, "ended": ended, "waiting": waiting}
    )


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_GET
def one(request: SignedInRequest, review_id: UUID) -> HttpResponse:
    return _page(request, _asked(request, review_id))


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_POST
def answer(request: SignedInRequest, review_id: UUID) -> HttpResponse:
    """What I would have decided; then what was decided."""
    review = _asked(request, review_id)
    verdict = request.POST.get("verdict", "")
    try:
        named = request.POST.get("suggestion", "")
        chosen = suggestion_named(review.proposal, named) if verdict == "approve" else None
        answered = second.answer(
            review_id,
            verdict=verdict,
            suggestion=chosen,
            reason=reason_of(request),
            reviewer=request.user,
            actor=actor_of(request),
        )
    except Refusal as refusal:
        told = {"verdict": verdict, "refusal": type(refusal).__name__}
        record_alone("second_review.refused", actor=actor_of(request), proposal=review.proposal_id, data=told)
        return _page(request, review, refusal=refusal)
    agreed = answered.status == SecondReview.Status.AGREED
    how = "You agree with what was decided." if agreed else "It was decided otherwise. Both of you see it."
    messages.success(request, how)
    return redirect("approvals:proposal", answered.proposal_id)


def _asked(request: SignedInRequest, review_id: UUID) -> SecondReview:
    return get_object_or_404(second.asked_of(request.user), pk=review_id)


def _page(request: SignedInRequest, review: SecondReview, *, refusal: Refusal | None = None) -> HttpResponse:
    status = 200 if refusal is None else 422 if isinstance(refusal, Invalid) else 409
    context = {
        "review": review,
        "blind": blind(review.proposal, chosen=request.POST.get("suggestion", "")),
        "refusal": in_words(refusal) if refusal else "",
        "typed": request.POST.get("reason", ""),
        "typed_verdict": request.POST.get("verdict", ""),
    }
    return render(request, "approvals/desk/second_look.html", context, status=status)


# --- Shown ----------------------------------------------------------------------------------------


def blind(proposal: Proposal, *, chosen: str = "") -> Blind:
    """The proposal as it was before anybody looked at it."""
    suggestions = list(proposal.suggestions.select_related("action_type"))
    known = chosen in {str(s.pk) for s in suggestions}
    rest = {name: value for name, value in proposal.context.items() if name != "messages"}
    found = proposal.context.get("messages")
    told = found if isinstance(found, list) else [] if found is None else [found]
    return Blind(
        sentence=pieces(proposal.sentence),
        title=pieces(proposal.title),
        summary=pieces(proposal.summary),
        agent=shown(proposal.agent.name),
        subject=subject_of(proposal) if proposal.subject_id else "",
        risk=Risk(proposal.risk).label,
        choices=[_choice(s, str(s.pk) == chosen if known else s.rank == 1) for s in suggestions],
        messages=[_message(one) for one in told],
        context=list(_leaves(rest)),
        rules=[(shown(rule["name"]), shown(rule["reason"])) for rule in proposal.verdict["rules"]],
    )


def _choice(suggestion: Suggestion, chosen: bool) -> Choice:
    kind: ActionType = suggestion.action_type
    return Choice(
        id=str(suggestion.pk),
        rank=suggestion.rank,
        sentence=pieces(suggestion.sentence),
        risk=Risk(suggestion.risk).label,
        reversibility=kind.get_reversibility_display(),
        confidence=suggestion.confidence,
        success_probability=suggestion.success_probability,
        arguments=_labelled(kind, suggestion.arguments),
        explanation=pieces(suggestion.explanation),
        indicators=[
            pieces(f"{i.get('code', '')}: {i.get('detail', '')}") for i in suggestion.risk_indicators
        ],
        chosen=chosen,
    )


def _labelled(kind: ActionType, arguments: dict[str, Any]) -> list[tuple[str, list[Piece]]]:
    """Every value by what its place is called, and what is left out with its default."""
    values = [*leaves(arguments, kind), *defaults(arguments, kind)]
    called = path_labels(kind, arguments, [path for path, _ in values])
    return [(called[path], pieces(said_of(value))) for path, value in values]


def _message(message: Any) -> tuple[str, list[Piece]]:
    if not isinstance(message, dict):
        return "other", pieces(str(message))
    role = message.get("role")
    known = role if role in ("user", "assistant", "tool", "system") else "other"
    ours = ("content",) if known == "other" else ("content", "role")
    rest = {name: value for name, value in message.items() if name not in ours}
    lines = [_text(message.get("content", "")), *(f"{name}: {_text(value)}" for name, value in rest.items())]
    return known, pieces("\n".join(line for line in lines if line))


def _leaves(value: Any, place: str = "") -> list[tuple[str, list[Piece]]]:
    """Every value in it with where it stands: "lines.0.amount"."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [
            leaf for name, one in items for leaf in _leaves(one, f"{place}.{name}" if place else str(name))
        ]
    return [(shown(place), pieces(_text(value)))] if place else []


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _waiting(review: SecondReview) -> dict[str, Any]:
    proposal = review.proposal
    return {
        "url": reverse("approvals:second-look", args=[review.pk]),
        "sentence": shown(proposal.sentence),
        "agent": shown(proposal.agent.name),
        "risk": Risk(proposal.risk).label,
        "deadline": review.deadline,
    }


def _ended(review: SecondReview, reader: User, known: Collection[UUID]) -> dict[str, Any]:
    """Both answers; who the other one is they both see, as they would on the proposal's page."""
    mine = review.second_id == reader.pk
    proposal = review.proposal
    at: datetime | None = review.ended_at
    return {
        "url": reverse("approvals:proposal", args=[proposal.pk]) if proposal.pk in known else "",
        "sentence": shown(proposal.sentence),
        "agreed": review.status == SecondReview.Status.AGREED,
        "mine": mine,
        "other": shown((review.first if mine else review.second).printed_name),
        "first": shown(proposal.resolution.status),
        "second": _SAID.get(review.verdict, review.verdict),
        "reason": pieces(review.reason[:300]),
        "at": at,
    }
