"""The figures that decide: who gets it, and how much. They have a column of their own in lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from audit.ground.unseen import shown
from governance.schemas.data_classes import KEY_FIGURE, SensitivePlaces
from governance.showing.labels import Schema
from governance.showing.names import SHORT, readable
from governance.showing.numbers import written
from governance.showing.values import in_the_middle, listed

MOST, LONGEST = 2, 200
_SHORT = 28  # characters that a column has room for
_ITEMS = 4
# Words of names. Who gets it comes before how much, that before whose and which; and each kind once.
_WHO = {
    "to", "recipient", "recipients", "receiver", "payee", "beneficiary", "iban", "bic", "destination",
    "target", "email", "mail", "address", "street", "url", "uri", "host", "channel", "phone", "cc", "bcc",
    "assignee", "participant", "participants", "attendees", "invitee", "webhook", "wallet",
}  # fmt: skip
_MUCH = {"amount", "total", "sum", "price", "value", "limit", "quantity", "count", "budget", "salary", "fee"}
_WHOSE = {"account", "customer", "user", "username", "patient", "employee", "member", "source", "from"}
_WHICH = {
    "order", "invoice", "ticket", "booking", "reservation", "flight", "branch", "repo", "repository",
    "bucket", "path", "file", "database", "table", "domain", "role", "permission", "force", "scope", "group",
}  # fmt: skip
_UNITS = ("currency", "currency_code", "unit")
_KINDS = (_WHO, _MUCH, _WHOSE, _WHICH)
_SIMPLE = (str, int, float)
_PARTS = 3  # of an account, an address: more of them are no figure


@dataclass(frozen=True, slots=True)
class Figure:
    """What it is called, what it is, and that with its middle left out where it is long."""

    label: str
    text: str

    @property
    def short(self) -> str:
        return in_the_middle(self.text, _SHORT)


def decides(name: str | int) -> bool:
    """Does an argument of this name say who gets what? No sentence leaves such a one out."""
    words = _words(str(name))
    return any(words & kind for kind in _KINDS)


def _words(name: str) -> frozenset[str]:
    return _kept_words(name) if len(name) <= SHORT else _words_of(name)


def _words_of(name: str) -> frozenset[str]:
    return frozenset(readable(name).lower().split())


_kept_words = lru_cache(4096)(_words_of)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Of the names of some arguments those that may be figures: marked, of each kind, and all in order."""

    marked: list[str]
    of_kinds: list[list[str]]
    order: list[str]


def candidates(parts: Sequence[Schema], order: Sequence[str]) -> Candidates:
    """Depends on the names alone; `order` has them as the schema does."""
    of_kinds = [[name for name in order if _words(name) & kind] for kind in _KINDS]
    return Candidates([name for name in _marked(parts) if name in order], of_kinds, list(order))


def of(
    known: Candidates,
    parts: Sequence[Schema],
    called: dict[str, str],
    template: str,
    arguments: Schema,
    found: SensitivePlaces,
) -> list[Figure]:
    """At most two of different kinds: those that the schema marks, else who gets it and how much."""

    def tellable(names: Sequence[str]) -> Iterator[str]:
        return (name for name in names if _tellable(name, arguments, found))

    told = list(tellable(known.marked))
    for of_kind in known.of_kinds:
        if len(told) < MOST and not any(name in of_kind for name in told):
            told += islice(tellable(of_kind), 1)
    if not told:
        whole = [name for name in known.order if not _has_parts(arguments[name])]
        in_template = [name for name in whole if f"{{{name}}}" in template]
        told = list(islice(tellable([*in_template, *whole]), 1))
    return [Figure(called[name], _text(name, parts, template, arguments)) for name in told[:MOST]]


def _tellable(name: str, arguments: Schema, found: SensitivePlaces) -> bool:
    value = arguments[name]
    several = value if isinstance(value, list) else (value,)
    if not several or value == "" or not all(_is_told(one) for one in several):
        return False
    inner = any(place[:1] == (name,) for place in found.sensitive)
    return not inner and not found.is_sensitive(name)


def _is_told(value: Any) -> bool:
    """Is it a few words: a text, a number, or such a little of them as the parts of an account?"""
    if isinstance(value, dict):
        return 0 < len(value) <= _PARTS and all(_is_simple(one) for one in value.values())
    return _is_simple(value)


def _has_parts(value: Any) -> bool:
    return isinstance(value[0] if isinstance(value, list) and value else value, dict)


def _is_simple(value: Any) -> bool:
    return isinstance(value, _SIMPLE) and not isinstance(value, bool)


def _marked(parts: Sequence[Schema]) -> Iterator[str]:
    for part in parts:
        named = part.get("properties")
        for name, said in named.items() if isinstance(named, dict) else ():
            if isinstance(said, dict) and said.get(KEY_FIGURE) is True:
                yield name


def _text(name: str, parts: Sequence[Schema], template: str, arguments: Schema) -> str:
    value = arguments[name]
    if isinstance(value, list):
        return in_the_middle(listed([_one(one) for one in value[:_ITEMS]], LONGEST), LONGEST) + (
            f" and {len(value) - _ITEMS} more" if len(value) > _ITEMS else ""
        )
    unit = _unit(name, parts, template, arguments) if isinstance(value, int | float) else ""
    return in_the_middle(f"{_one(value)} {unit}".strip(), LONGEST)


def _one(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(_one(value[name]) for name in sorted(value))
    return written(value) if isinstance(value, int | float) else shown(value)


def _unit(name: str, parts: Sequence[Schema], template: str, arguments: Schema) -> str:
    """In which currency or unit: as the schema, another argument, or the type's own sentence says."""
    for part in parts:
        said = part.get("properties", {}).get(name)
        for word in ("x-unit", "unit"):
            if isinstance(said, dict) and isinstance(said.get(word), str):
                return shown(said[word])
    beside = next((arguments[one] for one in _UNITS if isinstance(arguments.get(one), str)), "")
    return shown(beside)[:12] or _unit_in(template, name)


@lru_cache(maxsize=1_000)
def _unit_in(template: str, name: str) -> str:
    """The currency that stands behind the place of this argument: "{amount} EUR"."""
    found = re.search(rf"\{{{re.escape(name)}\}} ([A-Z]{{3}})\b", template)
    return found[1] if found else ""
