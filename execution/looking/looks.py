"""Looks at proposals that people decide on: asked by workers, shown as they are there.

A message to look may be lost: whoever opens the proposal sends another one. Of many that come at once one
asks, for a row says that it is on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import BooleanField, Case, Q, QuerySet, Value, When
from django.db.models.functions import Now
from django.utils.timezone import now

from audit.ground.ids import uuid7
from audit.statements.prepared import execute
from execution.holding.workflow import Workflow
from execution.looking.asking import LONGEST, ask, cached, kinds_of, plan_of
from execution.models import Look
from suggestions.models import Proposal, Suggestion

GIVEN_UP = LONGEST + 20  # seconds, after which whoever asked is taken to be gone
KEPT_FOR = timedelta(hours=1)  # of what nobody decided on
Kind, Occasion = Look.Kind, Look.Occasion


def look_at(proposal_id: UUID) -> int:
    """Ask what is not known of now about an open proposal; returns how many questions that were.

    Safe to call twice and at the same time. Outside of any transaction, for a service may be slow.
    """
    proposal = Proposal.objects.pending().select_related("agent").filter(pk=proposal_id).first()
    if proposal is None:
        return 0
    asked = 0
    for suggestion in proposal.suggestions.select_related("action_type").order_by("rank"):
        suggestion.proposal = proposal
        if plan := plan_of(suggestion.action_type):
            asked += sum(_look(suggestion, plan, kind) for kind in kinds_of(plan))
    return asked


def _look(suggestion: Suggestion, plan: Workflow, kind: str) -> bool:
    look = _claim(suggestion, kind, cached(plan))
    if look is None:
        return False
    found = None if kind == Kind.LOOK else last(suggestion, Kind.LOOK)
    ask(look, plan, suggestion, suggestion.arguments, found=found.facts if found else None)
    answered(look)
    _forget_old(look)
    return True


# Where an answer is fresh or somebody is asking, there is nothing to do. Who asked and is gone is replaced.
_CLAIM = """
INSERT INTO execution_look AS look (
    id, proposal_id, suggestion_id, kind, occasion, round, question, says, known, text, error, digest, shown,
    reason, moved)
SELECT %(id)s, %(proposal)s, %(suggestion)s, %(kind)s::varchar, 'opened', 1, '', '', false, '', '', '',
       '[]', '', '[]'
 WHERE NOT EXISTS (
       SELECT FROM execution_look
        WHERE proposal_id = %(proposal)s AND suggestion_id = %(suggestion)s AND kind = %(kind)s::varchar
          AND at > statement_timestamp() - make_interval(secs => %(cached)s))
    ON CONFLICT (suggestion_id, kind) WHERE at IS NULL
    DO UPDATE SET id = excluded.id, asked_at = statement_timestamp()
 WHERE look.asked_at < statement_timestamp() - make_interval(secs => %(given_up)s)
RETURNING id
"""


def _claim(suggestion: Suggestion, kind: str, seconds: float) -> Look | None:
    """The right to ask now."""
    look = Look(
        id=uuid7(), proposal=suggestion.proposal, suggestion=suggestion, kind=kind, occasion=Occasion.OPENED
    )
    asked = {
        "id": look.pk,
        "proposal": suggestion.proposal_id,
        "suggestion": suggestion.pk,
        "kind": kind,
        "cached": float(seconds),
        "given_up": float(GIVEN_UP),
    }
    return look if execute(_CLAIM, asked) else None


def answered(look: Look) -> None:
    """Store an answer with the moment; of a question that somebody else took over, nothing."""
    fields = ["question", "says", "known", "status", "answer", "text", "error", "digest", "shown"]
    values = {name: getattr(look, name) for name in fields}
    Look.objects.filter(pk=look.pk, at=None).update(at=Now(), **values)


_FORGET = """
DELETE FROM execution_look look
 WHERE proposal_id = %s AND suggestion_id = %s AND kind = %s AND occasion = 'opened'
   AND at < statement_timestamp() - make_interval(secs => %s)
   AND NOT EXISTS (SELECT FROM approvals_decision d
                    WHERE d.proposal_id = look.proposal_id
                      AND d.looks @> jsonb_build_array(jsonb_build_object('look', look.id)))
RETURNING 1
"""


def _forget_old(look: Look) -> None:
    """What was shown to nobody who decided goes; the newest stays, for it is no older than this one."""
    execute(_FORGET, [look.proposal_id, look.suggestion_id, look.kind, KEPT_FOR.total_seconds()])


# --- Reading --------------------------------------------------------------------------------------------


def newest(proposal_id: UUID) -> list[Look]:
    """Of each suggestion and kind the newest answer, and what is on its way; what brought it back."""
    of = ["suggestion_id", "kind", "on_its_way", "brought_back"]
    return list(_told(Look.objects.filter(proposal_id=proposal_id)).order_by(*of, "-asked_at").distinct(*of))


def answer_among(found: Sequence[Look], suggestion: Suggestion, kind: str) -> Look | None:
    """The newest answer of this kind about one suggestion."""
    own = [one for one in found if one.suggestion_id == suggestion.pk and one.kind == kind and one.at]
    return max(own, key=lambda one: one.asked_at, default=None)


def stale_kinds(found: Sequence[Look], suggestion: Suggestion, plan: Workflow) -> set[str]:
    """What of a suggestion has no answer that still counts as now."""

    def is_fresh(kind: str) -> bool:
        look = answer_among(found, suggestion, kind)
        return look is not None and look.at is not None and (now() - look.at).total_seconds() < cached(plan)

    return {kind for kind in kinds_of(plan) if not is_fresh(kind)}


def is_wanted(found: Sequence[Look], suggestions: Sequence[Suggestion]) -> bool:
    """Whether anything is to be asked that nobody is asking."""
    on_its_way = {(one.suggestion_id, one.kind) for one in found if one.at is None}
    return any(
        (suggestion.pk, kind) not in on_its_way
        for suggestion in suggestions
        if (plan := plan_of(suggestion.action_type))
        for kind in stale_kinds(found, suggestion, plan)
    )


def _told(looks: QuerySet[Look]) -> QuerySet[Look]:
    recently = Now() - timedelta(seconds=GIVEN_UP)
    return looks.exclude(at=None, asked_at__lt=recently).annotate(
        on_its_way=_whether(Q(at=None)), brought_back=_whether(~Q(reason=""))
    )


def _whether(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def last(suggestion: Suggestion, kind: str = Kind.LOOK) -> Look | None:
    """The newest that was answered."""
    of_it = Look.objects.filter(proposal=suggestion.proposal_id, suggestion=suggestion, kind=kind)
    return of_it.exclude(at=None).order_by("-asked_at").first()


def last_of(suggestions: Sequence[Suggestion]) -> dict[UUID, Look]:
    """The same of several suggestions, by their ids."""
    about = Look.objects.filter(
        proposal__in={s.proposal_id for s in suggestions}, suggestion__in=suggestions, kind=Kind.LOOK
    )
    found = about.exclude(at=None).order_by("suggestion_id", "-asked_at").distinct("suggestion_id")
    return {look.suggestion_id: look for look in found}


def of_ids(proposal_id: UUID, ids: Sequence[UUID]) -> list[Look]:
    """Those of this proposal that were answered, or given up."""
    return list(Look.objects.filter(proposal_id=proposal_id, pk__in=ids).exclude(at=None))
