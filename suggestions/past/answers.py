"""What is known of the past: how many, how much, how great, ever before.

Answers come from indexes that hold all that a question needs, by the database's clock. What counts
what others submit at the same moment goes by turns: see `suggestions.past.locks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction

from audit.statements.prepared import execute
from governance.expressions.past import (
    AGENT,
    MOST_QUESTIONS,
    STATUSES,
    SUBJECT,
    Kind,
    NotAnswered,
    Question,
    question,
)
from suggestions.models import Proposal
from suggestions.past import rollups
from suggestions.past.locks import Earlier, Turn
from suggestions.past.numbers import keys_of, mark, marks, of_action, subject_key

MAY_TAKE_EFFECT = ("pending", "approved")

# Each in the words of the index that serves it.
_WHOSE = {
    AGENT: "agent_id = %(key)s AND NOT is_check",
    SUBJECT: "subject_key = %(key)s AND NOT (subject_id = '') AND NOT is_check",
}
_ONE = "id = %(key)s AND NOT is_check"
_ROWS = "suggestions_proposal"
# For how things stood at an earlier moment: what was resolved later was pending then.
_ROWS_THEN = """
(SELECT p.id, p.agent_id, subject_key, subject_id, is_check, created_at, numbers,
        CASE WHEN r.at < %(at)s THEN p.status ELSE 'pending' END AS status
   FROM suggestions_proposal p LEFT JOIN suggestions_resolution r ON r.proposal_id = p.id) AS _
"""
# Of any action, where none is named; null where the one that is named isn't asked for.
_VALUE = """
(CASE WHEN %(action)s = '' OR numbers ->> '' = %(action)s THEN numbers -> %(argument)s
      ELSE numbers #> ARRAY['', %(action)s, %(argument)s] END)::numeric
"""
_OF_ACTION = "(%(action)s = '' OR (numbers -> '') ? %(action)s)"


@dataclass(frozen=True)
class _Sought:
    """A figure: of rows, of subtotals, of corrections, and of all these together."""

    of_rows: str
    of_subtotals: str
    of_corrections: str
    together: str


_SOUGHT = {
    "count": _Sought(
        f"count(*) FILTER (WHERE {_OF_ACTION})",
        "sum(n)",
        f"sum(sign) FILTER (WHERE {_OF_ACTION})",
        "coalesce(sum(found), 0)",
    ),
    "sum": _Sought(
        "coalesce(sum(greatest({value}, 0)), 0)",
        "sum(total)",
        "sum(sign * greatest({value}, 0))",
        "coalesce(sum(found), 0)",
    ),
    "max": _Sought(
        "coalesce(max({value}), 0)",
        "max(greatest)",
        "max({value}) FILTER (WHERE sign > 0)",
        "coalesce(max(found), 0)",
    ),
}

# From rows alone: how things stood at an earlier moment, or of one proposal.
_OF_ROWS = """
SELECT {sought} FROM {rows}
 WHERE {whose} AND created_at > {now} - make_interval(secs => %(seconds)s){until}
   AND status = ANY(%(statuses)s)
"""
# What is added up already (see `suggestions.past.rollups`) from its subtotals, the longest first, with the
# corrections that are not in them yet; rows for what is newer, and for the first minute at most.
_NOW = """
WITH given AS (
    SELECT now() - make_interval(secs => %(seconds)s) AS since,
           coalesce((SELECT until FROM suggestions_settled WHERE key = %(key)s), 'epoch') AS until
), by_minute AS (
    SELECT *, date_bin('1 minute', since, 'epoch') + interval '1 minute' AS fine FROM given
), by_two_hours AS (
    SELECT *, date_bin('2 hours', fine - interval '1 microsecond', 'epoch') + interval '2 hours' AS coarse
      FROM by_minute
), edge AS MATERIALIZED (
    SELECT *, date_bin('1 day', coarse - interval '1 microsecond', 'epoch') + interval '1 day' AS days
      FROM by_two_hours
)
SELECT {together}, sum(rows)::int, bool_or(until > 'epoch')
  FROM edge
 CROSS JOIN LATERAL (
    SELECT {of_rows}, count(*) FROM suggestions_proposal
     WHERE {whose} AND created_at > edge.since AND created_at >= edge.until
       AND status = ANY(%(statuses)s)
     UNION ALL
    SELECT {of_rows}, count(*) FROM suggestions_proposal
     WHERE {whose} AND created_at > edge.since AND created_at < least(edge.fine, edge.until)
       AND status = ANY(%(statuses)s)
     UNION ALL
    SELECT {of_subtotals}, 0 FROM suggestions_subtotal
     WHERE {subtotals} AND span = 60 AND start >= edge.fine AND start < edge.coarse
     UNION ALL
    SELECT {of_subtotals}, 0 FROM suggestions_subtotal
     WHERE {subtotals} AND span = 7200 AND start >= edge.coarse AND start < edge.days
     UNION ALL
    SELECT {of_subtotals}, 0 FROM suggestions_subtotal
     WHERE {subtotals} AND span = 86400 AND start >= edge.days
     UNION ALL
    SELECT {of_corrections}, 0 FROM suggestions_correction
     WHERE key = %(key)s AND created_at >= edge.fine AND status = ANY(%(statuses)s)
 ) AS piece (found, rows)
"""
_SUBTOTALS = (
    "key = %(key)s AND argument = %(argument)s AND action = %(action)s AND status = ANY(%(statuses)s)"
)
_SEEN = """
SELECT EXISTS (SELECT FROM suggestions_precedent
                WHERE key = %(key)s AND mark = %(mark)s
                  AND at > {now} - make_interval(secs => %(seconds)s){until})
"""


@lru_cache
def now_sql(kind: Kind, of: str) -> str:
    """A question that gives the figure, how many rows were read for it, and whether there are sums."""
    parts = {name: part.format(value=_VALUE) for name, part in asdict(_SOUGHT[kind]).items()}
    return _NOW.format(**parts, whose=_WHOSE[of], subtotals=_SUBTOTALS)


class Past:
    """What lies before one proposal, for policies (`ask`) and for Python.

    As of the transaction's now, or of `at`. `besides` is left out: the proposal that is judged
    again. With a `turn`, the first question waits for it, and what the same request hands in
    before counts. `known` are answers from a verdict, `Verdict.facts`: they are not asked for again.
    """

    def __init__(
        self,
        agent_id: UUID,
        subject: UUID | None = None,
        *,
        at: datetime | None = None,
        besides: Proposal | None = None,
        turn: Turn | None = None,
        known: Mapping[str, int | float | bool] | None = None,
    ) -> None:
        self.keys = {AGENT: agent_id, SUBJECT: subject}
        self.at = at
        self.besides = besides
        self.turn = turn
        self.known = known or {}
        self.answers: dict[str, int | float | bool] = {}
        self.failure: DatabaseError | None = None

    @classmethod
    def of(cls, proposal: Proposal, **how: Any) -> Past:
        return cls(proposal.agent_id, subject_key(proposal.subject_type, proposal.subject_id), **how)

    def ask(self, question: Question) -> int | float | bool:
        """Each distinct question is answered once, and kept. Raises `NotAnswered`."""
        name = str(question)
        if name not in self.answers:
            if len(self.answers) >= MOST_QUESTIONS:
                raise NotAnswered(f"at most {MOST_QUESTIONS} questions are asked about one proposal")
            self.answers[name] = self.known[name] if name in self.known else self._answer(question)
        return self.answers[name]

    def checked(self) -> dict[str, int | float | bool]:
        """What was asked, with the answers. Raises what kept the database from answering."""
        if self.failure:
            raise self.failure
        return self.answers

    def count(self, window: str, *, of: str = AGENT, action: str = "", statuses: Sequence[str] = ()) -> int:
        """How many proposals, of every status unless some are named. Raises as `find`."""
        return int(self.find(_question("count", of, window, action, statuses)))

    def sum_of(
        self,
        argument: str,
        window: str,
        *,
        of: str = AGENT,
        action: str = "",
        statuses: Sequence[str] = MAY_TAKE_EFFECT,
    ) -> Decimal:
        """The exact sum of what they ask for or what was approved; by default of what may take effect.

        Of several suggestions the greatest counts. Numbers below 0 count as 0, so that none of
        them makes room for more. Raises as `find`.
        """
        return Decimal(self.find(_question("sum", of, window, action, statuses, argument=argument)))

    def find(self, question: Question) -> int | Decimal | bool:
        """The exact answer. Raises `NotAnswered` and Django's database errors."""
        key = self.keys[question.of]
        if key is None:
            raise NotAnswered("the proposal names no subject")
        if self.turn:
            self.turn.take()
        if question.kind == "seen":
            return self._seen(question, key)
        found = [self._figure(question, key), *self._earlier(question, key)]
        if question.kind == "max":
            return max(found)
        if self.besides:
            found.append(-self._of_rows(question, self.besides.pk, _ONE))
        return sum(found)

    def _answer(self, question: Question) -> int | float | bool:
        if self.failure:
            raise NotAnswered("the past could not be read")
        try:
            found = self.find(question)
        except DatabaseError as error:
            # Kept for `checked`: a runtime for expressions stands between here and the one who asks.
            self.failure = error
            raise NotAnswered("the past could not be read") from error
        return float(found) if isinstance(found, Decimal) else found

    def _figure(self, question: Question, key: UUID) -> int | Decimal:
        if self.at:
            return self._of_rows(question, key, _WHOSE[question.of])
        found, rows, settled = self._execute(now_sql(question.kind, question.of), question, key)
        if rows > rollups.MANY_ROWS and not settled:
            ask = partial(rollups.ask_for, [key], of_subject=question.of == SUBJECT)
            transaction.on_commit(ask, robust=True)
        return found  # type: ignore[no-any-return]

    def _of_rows(self, question: Question, key: UUID, whose: str) -> int | Decimal:
        now, until = ("%(at)s", " AND created_at < %(at)s") if self.at else ("now()", "")
        statement = _OF_ROWS.format(
            now=now,
            until=until,
            sought=_SOUGHT[question.kind].of_rows.format(value=_VALUE),
            rows=_ROWS_THEN if self.at else _ROWS,
            whose=whose,
        )
        return self._execute(statement, question, key)[0]  # type: ignore[no-any-return]

    def _seen(self, question: Question, key: UUID) -> bool:
        sought = mark(key, question.argument, question.value)
        if any(sought in marks(key, e.arguments) for e in self._of_request(key) if e.arguments):
            return True
        now, until = ("%(at)s", " AND at < %(at)s") if self.at else ("now()", "")
        return bool(self._execute(_SEEN.format(now=now, until=until), question, key, mark=sought)[0])

    def _execute(
        self, statement: str, question: Question, key: UUID, mark: UUID | None = None
    ) -> tuple[Any, ...]:
        parameters = {
            "key": key,
            "seconds": question.seconds,
            "statuses": list(question.statuses or STATUSES),
            "argument": question.argument,
            "action": question.action,
            "mark": mark,
            "at": self.at,
        }
        [row] = execute(statement, parameters)
        return row

    def _of_request(self, key: UUID) -> Iterable[Earlier]:
        return (e for e in (self.turn.earlier() if self.turn else ()) if key in keys_of(e.proposal))

    def _earlier(self, question: Question, key: UUID) -> Iterable[int | Decimal]:
        """What the same request hands in before, each as the statement would have counted it."""
        for one in self._of_request(key):
            numbers = of_action(one.proposal.numbers, question.action)
            if numbers is None or one.status not in (question.statuses or STATUSES):
                continue
            if question.kind == "count":
                yield 1
            elif question.argument in numbers:
                value = Decimal(str(numbers[question.argument]))
                yield value if question.kind == "max" else max(value, Decimal(0))


def _question(
    kind: Kind, of: str, window: str, action: str, statuses: Sequence[str], argument: str = ""
) -> Question:
    wanted = {"action": action, "status": list(statuses)}
    return question(kind, of, window, wanted, argument=argument)
