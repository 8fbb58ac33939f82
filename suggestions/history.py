"""What is known of the past: how many, how much, how great, ever before.

Answers come from indexes that hold all that a question needs, by the database's clock. What counts
what others submit at the same moment goes by turns: see `suggestions.turns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from audit.prepared import execute
from governance.history import (
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
from suggestions.numbers import keys_of, mark, marks, of_action, subject_key
from suggestions.turns import Earlier, Turn

MAY_TAKE_EFFECT = ("pending", "approved")

# Each in the words of the index that serves it.
_WHOSE = {
    AGENT: "agent_id = %(key)s",
    SUBJECT: "subject_key = %(key)s AND NOT (subject_id = '')",
    "one": "id = %(key)s",
}
_ROWS = "suggestions_proposal"
# For how things stood at an earlier moment: what was resolved later was pending then.
_ROWS_THEN = """
(SELECT p.id, p.agent_id, subject_key, subject_id, created_at, numbers,
        CASE WHEN r.at < %(at)s THEN p.status ELSE 'pending' END AS status
   FROM suggestions_proposal p LEFT JOIN suggestions_resolution r ON r.proposal_id = p.id) AS _
"""
_VALUE = "(numbers -> %(argument)s)::numeric"
_VALUE_OF_ACTION = """
(CASE jsonb_typeof(numbers -> '') WHEN 'string' THEN numbers -> %(argument)s
      ELSE numbers #> ARRAY['', %(action)s, %(argument)s] END)::numeric
"""
_SOUGHT = {
    "count": "count(*)",
    "sum": "coalesce(sum(greatest({value}, 0)), 0)",
    "max": "coalesce(max({value}), 0)",
}
_OF_ACTION = " AND (numbers -> '') ? %(action)s"
_FIGURE = """
SELECT {sought} FROM {rows}
 WHERE {whose} AND created_at > {now} - make_interval(secs => %(seconds)s){until}
   AND status = ANY(%(statuses)s){of_action}
"""
_SEEN = """
SELECT EXISTS (SELECT FROM suggestions_precedent
                WHERE key = %(key)s AND mark = %(mark)s
                  AND at > {now} - make_interval(secs => %(seconds)s){until})
"""


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
        found = [self._figure(question, key, question.of), *self._earlier(question, key)]
        if question.kind == "max":
            return max(found)
        if self.besides:
            found.append(-self._figure(question, self.besides.pk, "one"))
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

    def _figure(self, question: Question, key: UUID, whose: str) -> int | Decimal:
        value = _VALUE_OF_ACTION if question.action else _VALUE
        [(found,)] = self._execute(
            _FIGURE,
            question,
            key,
            until=" AND created_at < %(at)s",
            sought=_SOUGHT[question.kind].format(value=value),
            rows=_ROWS_THEN if self.at else _ROWS,
            whose=_WHOSE[whose],
            of_action=_OF_ACTION if question.action else "",
        )
        return found  # type: ignore[no-any-return]

    def _seen(self, question: Question, key: UUID) -> bool:
        sought = mark(key, question.argument, question.value)
        if any(sought in marks(key, e.arguments) for e in self._of_request(key) if e.arguments):
            return True
        [(found,)] = self._execute(_SEEN, question, key, until=" AND at < %(at)s", mark=sought)
        return bool(found)

    def _execute(
        self,
        statement: str,
        question: Question,
        key: UUID,
        *,
        until: str,
        mark: UUID | None = None,
        **parts: str,
    ) -> list[tuple[Any, ...]]:
        now, until = ("%(at)s", until) if self.at else ("now()", "")
        parameters = {
            "key": key,
            "seconds": question.seconds,
            "statuses": list(question.statuses or STATUSES),
            "argument": question.argument,
            "action": question.action,
            "mark": mark,
            "at": self.at,
        }
        return execute(statement.format(now=now, until=until, **parts), parameters)

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
