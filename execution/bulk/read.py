"""What is told of bulk retries: examples of what would be done, how far one is, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, F

from execution.bulk.choosing import Candidate, Preview
from execution.models import BulkRetry, BulkRetryItem, Execution
from governance.models import User

EXAMPLES, EXAMPLES_OF_EACH = 5, 3
LISTED = 50
STATUS, OUTCOME = Execution.Status, BulkRetryItem.Outcome


class Example(NamedTuple):
    """One execution, and what is said of it; `why` is empty where it would be retried."""

    execution: Any
    sentence: str
    why: str = ""
    detail: str = ""


class Results(NamedTuple):
    """How those stand now that were retried."""

    succeeded: int
    under_way: int
    need_attention: int
    others: int


def examples(preview: Preview) -> list[Example]:
    """A few of those that would be retried, and of those that are left out for each reason."""
    few = [*preview.retried[:EXAMPLES], *_few_of_each(preview.left_out)]
    found = _described(one.execution for one in few)
    return [
        Example(found[one.execution], _sentence(found[one.execution]), why=one.why)
        for one in few
        if one.execution in found
    ]


def _few_of_each(candidates: list[Candidate]) -> list[Candidate]:
    told: Counter[str] = Counter()
    few = []
    for one in candidates:
        told[one.why] += 1
        if told[one.why] <= EXAMPLES_OF_EACH:
            few.append(one)
    return few


def results(bulk: BulkRetry) -> Results:
    """How those stand now that were retried, in one query."""
    retried = bulk.items.filter(outcome=OUTCOME.RETRIED)
    found = dict(retried.values_list("execution__status").annotate(n=Count("pk")))
    open_ = (STATUS.SCHEDULED, STATUS.RUNNING, STATUS.HANDED_BACK)
    return Results(
        succeeded=found.get(STATUS.SUCCEEDED, 0),
        under_way=sum(found.get(status, 0) for status in open_),
        need_attention=found.get(STATUS.NEEDS_ATTENTION, 0),
        others=found.get(STATUS.CANCELLED, 0) + found.get(STATUS.FAILED, 0),
    )


def worth_a_look(bulk: BulkRetry, reader: User) -> list[Example]:
    """What was left out, and what needs attention again; of those that this reader may know about."""
    again = bulk.items.filter(outcome=OUTCOME.RETRIED, execution__status=STATUS.NEEDS_ATTENTION)
    rows = list(bulk.items.filter(outcome=OUTCOME.LEFT_OUT).order_by("-at")[:LISTED])
    rows += again.order_by("-at")[:LISTED]
    found = _described((item.execution_id for item in rows), Execution.objects.visible_to(reader))
    return [
        Example(found[item.execution_id], _sentence(found[item.execution_id]), detail=item.detail)
        for item in rows
        if item.execution_id in found
    ]


def _described(ids: Iterable[UUID], known: Any = Execution.objects) -> dict[UUID, Any]:
    rows = known.filter(pk__in=list(ids)).select_related("proposal__agent", "proposal__resolution")
    lean = rows.defer("proposal__context", "proposal__resolution__arguments")
    return {one.pk: one for one in lean.annotate(suggested=F("suggestion__sentence"))}


def _sentence(execution: Any) -> str:
    """What was approved, edits included."""
    resolution = getattr(execution.proposal, "resolution", None)
    return (resolution.sentence if resolution else "") or execution.suggested
