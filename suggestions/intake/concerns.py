"""What a proposal is about: two open ones about the same that would do different things contradict
each other.

The thing is what the first suggestion names by an identifier ("order_id"), the parts of it that are named too
("item_ids"), or else the subject. Whom a thing belongs to ("user_id") says less than the thing itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from governance.showing.names import SHORT
from suggestions.models import Proposal, ProposalQuerySet, Suggestion

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
    proposals: Iterable[Proposal], among: ProposalQuerySet | None = None
) -> dict[UUID, list[Contradiction]]:
    """Of these open proposals, those that others contradict, in one query from an index.

    Without `among` only others that exactly the same teams may see, so that it can be told to everybody
    who sees the one; with a queryset (`Proposal.objects.visible_to(reader)`) whatever that reader may see.
    """
    known = {one.pk: one for one in proposals if one.concern and one.status == Proposal.Status.PENDING}
    if not known:
        return {}
    concerns = {one.concern for one in known.values()}
    seen = Proposal.objects.all() if among is None else among
    others = seen.pending().asked().filter(concern__in=concerns)
    first = Suggestion.objects.filter(rank=1, proposal__in=others.values("pk")).order_by("pk")
    by_concern: dict[UUID | None, dict[UUID, _Open]] = {}
    for concern, *row in first.values_list("proposal__concern", *_OPEN)[: MOST * 50]:
        one = _Open(*row)
        by_concern.setdefault(concern, {})[one.proposal] = one
    found = {pk: _against(one, by_concern.get(one.concern, {}), among is None) for pk, one in known.items()}
    return {pk: those for pk, those in found.items() if those}


class _Open(NamedTuple):
    """An open proposal and its first suggestion."""

    proposal: UUID
    digest: str
    sentence: str
    team: str
    also_teams: list[str]


_OPEN = ("proposal_id", "action_digest", "sentence", "proposal__team_id", "proposal__also_teams")


def _against(proposal: Proposal, same: Mapping[UUID, _Open], only_teams: bool) -> list[Contradiction]:
    own = same.get(proposal.pk)
    if own is None:  # a check that was slipped in contradicts nothing
        return []
    teams = set(proposal.teams)
    others = (
        Contradiction(proposal.pk, one.proposal, one.sentence)
        for one in same.values()
        if one.digest != own.digest and (not only_teams or {one.team, *one.also_teams} == teams)
    )
    return list(islice(others, MOST))
