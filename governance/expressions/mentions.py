"""Whether a text names a value: as a word, a number, a date or an address, and nothing near it.

What counts is what a person wrote. A value is named only when it stands there whole: `doe@shop.example`
is not named by `john.doe@shop.example`, nor `www.shop.example` by `www.shop.example.evil.example`.
In doubt the answer is no, for a policy lets pass what was named.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from governance.expressions import effort
from governance.expressions.reading import TextFacts, folded, page_meant, said

MOST_TRIES = 1_000  # occurrences of a value that go on in other words; what comes after them is not looked at
_TRY = 60  # units of effort for one of them
_JOINS = frozenset("-._@/\\:+%#&=~?$*")
_JOINED = 8  # such signs in a row
_SCHEME = re.compile(r"https?://|www\.", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[t ](\d\d):(\d\d)(?::00)?)?")


def mentions(text: str, value: Any) -> bool:
    """Whether a text names a value; a list, when it names every one of its items."""
    _about_to_look(text, value)
    return names(said(text), value)


def unmentioned(text: str, arguments: dict[str, Any]) -> list[str]:
    """The names of the arguments whose value the text does not mention; what is empty has no value."""
    _about_to_look(text, arguments)
    read = said(text)
    empty: tuple[Any, ...] = (None, "", [], {})
    found = sorted(name for name, value in arguments.items() if value not in empty and not names(read, value))
    return at_most(found, effort.MOST_NAMES)


def quotes(text: str, value: str) -> bool:
    """Whether a value stands in the text letter for letter, as whole words."""
    _about_to_look(text, value)
    return bool(value.strip()) and _stands(text, value)


def numbers(text: str) -> list[float]:
    """The numbers a text names, in order. Parts of words, dates and times are none, nor are percentages."""
    return at_most(list(said(text).numbers), effort.MOST_FOUND)


def pages(text: str) -> list[str]:
    """The web addresses in a text, with or without scheme, in order."""
    return at_most(list(said(text).pages), effort.MOST_FOUND)


def at_most(found: list[Any], most: int) -> list[Any]:
    """The same. Raises `effort.TooMuch` for more than a rule may go through."""
    if len(found) > most:
        raise effort.TooMuch(f"{len(found):,} were found, and {most:,} is the most a rule goes through")
    return found


def when(text: str) -> datetime:
    """The moment an ISO date, with or without a time, stands for; in UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def host(url: str) -> str:
    """The host a web address leads to, in small letters; empty where it is none."""
    rest = re.sub(r"^[a-z][a-z0-9+.-]{0,20}://", "", url.strip(), flags=re.IGNORECASE)
    name = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    name = re.sub(r":\d*$", "", name).rstrip(".").lower()
    return name if re.fullmatch(r"[^\s:@]+", name) else ""


def domain(address: str) -> str:
    """What stands behind the @ of an e-mail address, in small letters; empty where it is none."""
    name, sign, rest = address.strip().rpartition("@")
    return rest.lower() if sign and name and re.fullmatch(r"[^\s@<>,;]+", rest) else ""


def names(text: TextFacts, value: Any) -> bool:
    """`mentions`, of a text that has been read."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return bool(value) and all(names(text, item) for item in value)
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return float(value) in text.numbers
    return isinstance(value, str) and _names(text, value)


def _about_to_look(text: str, value: Any) -> None:
    """Say what it can take to look for every text in a value."""
    effort.spend(sum(looking_for(leaf, len(text)) for leaf in leaves(value)))


def leaves(value: Any) -> Iterator[Any]:
    """Every value in a value that is neither a list nor a map, without recursion."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
        else:
            yield found


def looking_for(value: Any, length: int) -> int:
    """The effort to look for one value in a text of this length."""
    wanted = len(value) if isinstance(value, str) else 20
    if wanted > 2 * length + 20:  # it can't stand there
        return wanted
    return length + wanted + min(MOST_TRIES, length) * (_TRY + wanted)


def _names(text: TextFacts, value: str) -> bool:
    return text.named.of(value, lambda: _finds(text, value))


def _finds(text: TextFacts, value: str) -> bool:
    if _SCHEME.match(value.strip()):
        return page_meant(value) in text.pages_meant
    wanted = folded(value)
    if not wanted:
        return False
    return _stands(text.folded, wanted) or _names_moment(text, wanted)


def _names_moment(text: TextFacts, wanted: str) -> bool:
    found = _MOMENT.fullmatch(wanted)
    if not found:
        return False
    year, month, day, hour, minute = (int(part) if part else None for part in found.groups())
    return (year, month, day) in text.dates and (hour is None or (hour, minute) in text.times)


def _stands(text: str, wanted: str) -> bool:
    start = -1
    for _ in range(MOST_TRIES):
        start = text.find(wanted, start + 1)
        if start == -1:
            return False
        if not _goes_on(text, start, -1) and not _goes_on(text, start + len(wanted) - 1, 1):
            return True
    return False


def _goes_on(text: str, edge: int, step: int) -> bool:
    """Whether the word at `edge` goes on beyond it, also over signs such as those of an address."""
    place = edge + step
    sign = _at(text, place)
    if _is_of_a_word(sign):
        return _is_of_a_word(text[edge]) or text[edge] in _JOINS
    if sign == "," and text[edge].isdigit():
        return _at(text, place + step).isdigit()
    for _ in range(_JOINED):
        if sign not in _JOINS:
            return place != edge + step and _is_of_a_word(sign)
        place += step
        sign = _at(text, place)
    return True


def _at(text: str, place: int) -> str:
    return text[place] if 0 <= place < len(text) else " "


def _is_of_a_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_" or _marks(sign)


def _marks(sign: str) -> bool:
    return not sign.isascii() and unicodedata.category(sign) in ("Mn", "Me", "Cf")
