"""What a proposal is about: two open ones about the same that would do different things contradict
each other.

The thing is what the first suggestion names by an identifier ("order_id"), the parts of it that are named too
("item_ids"), or else the subject. Whom a thing belongs to ("user_id") says less than the thing itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from audit.statements.prepared import execute
from governance.models import User
from governance.showing.names import SHORT
from suggestions.models import Proposal, Suggestion, seen_by, visible_sql

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_NAMES = {"id", "ids", "uuid", "guid", "key", "slug", "sku", "number", "no", "nr", "ref", "reference"}
_THINGS = {"order", "booking", "reservation", "ticket", "invoice", "case", "issue", "event", "contract"}
_PEOPLE = {"user", "customer", "client", "member", "person", "patient", "guest", "passenger", "employee"}
_PARTS = {"item", "items", "line", "lines", "seat", "leg", "product", "variant"}
# These name what is to become of it, not what it is.
_CONTENT = {
    "new",
    "to",
    "target",
    "destination",
    "recipient",
    "address",
    "payment",
    "method",
    "card",
    "phone",
}
_CONTENT |= {"assignee", "house", "tracking", "template", "idempotency", "request"}
_THING, _PART, _PERSON = "thing", "part", "person"
MOST = 20  # contradicting proposals of one that are named
LOOK_AT = 1_000  # open ones for all that are asked about


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An open proposal and another that is about the same and would do something else."""

    proposal: UUID
    other: UUID
    sentence: str  # of the other


def concern_of(proposal: Proposal, first: Suggestion, schema: Any) -> UUID | None:
    """A name for what would be done to what; None where nothing says what it is about."""
    thing = _thing(first.arguments, schema)
    if thing is None:
        if not proposal.subject_id:
            return None
        thing = [["subject", proposal.subject_type, _plain(proposal.subject_id)]]
    about = json.dumps([first.action_type.name, thing], ensure_ascii=False, sort_keys=True)
    return UUID(bytes=hashlib.sha256(about.encode()).digest()[:16])


def _thing(arguments: dict[str, Any], schema: Any) -> list[Any] | None:
    found: dict[str, list[list[Any]]] = {_THING: [], _PART: [], _PERSON: []}
    for kind, name, value in _identifiers(arguments, schema):
        found[kind].append([name, value])
    first = next(iter(found[_THING] or found[_PART] or found[_PERSON]), None)
    if first is None:
        return None
    return [first, *(part for part in found[_PART] if part != first)]


def _identifiers(arguments: dict[str, Any], schema: Any) -> Iterator[tuple[str, str, Any]]:
    """The arguments that name something, those that the schema requires first, in its order."""
    schema = schema if isinstance(schema, dict) else {}
    order = [*(schema.get("required") or ()), *(schema.get("properties") or ())]
    for name in dict.fromkeys([*(name for name in order if name in arguments), *sorted(arguments)]):
        value = arguments[name]
        if isinstance(value, dict) and "id" in value:
            name, value = f"{name}_id", value["id"]
        kind = _kept_kind(name) if len(name) <= SHORT else _kind(name)
        if not kind:
            continue
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            yield kind, name, _plain(value)
        elif isinstance(value, list) and value and all(isinstance(one, str | int) for one in value):
            yield kind, name, sorted(map(_plain, value))


def _kind(name: str) -> str:
    """Of what an argument of this name is the identifier; empty where it is none."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or _CONTENT & set(words) or not (words[-1] in _NAMES or words[-1] in _THINGS):
        return ""
    return _PART if _PARTS & set(words) else _PERSON if _PEOPLE & set(words) else _THING


_kept_kind = lru_cache(4096)(_kind)


def _plain(value: str | int) -> str:
    """As people write it in different places: "#D1000" is "d1000"."""
    return str(value).strip().lstrip("#").casefold()


def contradictions(
    proposals: Iterable[Proposal], reader: User | None = None
) -> dict[UUID, list[Contradiction]]:
    """Of these open proposals, those that others contradict, in one query from an index.

    Without a reader only others that exactly the same teams may see, so that it can be told to everybody
    who sees the one; with a reader whatever that person may see. Of many that are about the same some are
    looked at, of many that would do the same some are named.
    """
    known = [one for one in proposals if one.concern and one.status == Proposal.Status.PENDING]
    if not known:
        return {}
    concerns = list({one.concern for one in known})
    asked = {
        "ids": [one.pk for one in known],
        "concerns": concerns,
        "look_at": max(MOST, LOOK_AT // len(concerns)),
        "most": MOST,
    }
    rows = execute(_SAME_TEAMS, asked) if reader is None else execute(_VISIBLE, {**asked, **seen_by(reader)})
    found: dict[UUID, list[Contradiction]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Contradiction(*row))
    return found


# Of those that would do the same a few are enough. The index of what is open about something finds them in
# no order: to put a great many in order would cost more than to look at some.
_CONTRADICTING = """
WITH open AS MATERIALIZED (
    SELECT * FROM (
        SELECT o.*, s.action_digest, s.sentence AS first, row_number() OVER (
                   PARTITION BY o.concern, s.action_digest, o.team_id, o.also_teams ORDER BY o.id) AS nth
          FROM unnest(%(concerns)s::uuid[]) AS about(concern), LATERAL (
               SELECT p.id, p.concern, p.team_id, p.also_teams FROM suggestions_proposal p
                WHERE p.concern = about.concern AND p.status = 'pending' AND NOT p.is_check AND {visible}
                LIMIT %(look_at)s) o
          JOIN suggestions_suggestion s ON s.proposal_id = o.id AND s.rank = 1) numbered
     WHERE nth <= %(most)s
)
SELECT p.id, other.id, other.first
  FROM suggestions_proposal p
  JOIN suggestions_suggestion s ON s.proposal_id = p.id AND s.rank = 1, LATERAL (
       SELECT open.id, open.first FROM open
        WHERE open.concern = p.concern AND open.action_digest <> s.action_digest AND {beside}
        ORDER BY open.id LIMIT %(most)s) other
 WHERE p.id = ANY(%(ids)s) AND p.status = 'pending' AND NOT p.is_check
"""
_SAME = """(open.team_id || open.also_teams) @> (p.team_id || p.also_teams)
    AND (open.team_id || open.also_teams) <@ (p.team_id || p.also_teams)"""
_SAME_TEAMS = _CONTRADICTING.format(visible="true", beside=_SAME)
_VISIBLE = _CONTRADICTING.format(visible=visible_sql("p"), beside="true")
