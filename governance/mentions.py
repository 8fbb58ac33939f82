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
from functools import lru_cache
from typing import Any

MOST_TRIES = 1_000  # occurrences of a value that go on in other words; what comes after them is not looked at
_KELVIN = "\u212a"  # the one letter that lowers to one of ASCII
_QUOTES = str.maketrans("‘’“”", "''\"\"")
_JOINS = frozenset("-._@/\\:+%#&=~?$*")
_JOINED = 8  # such signs in a row


@lru_cache(maxsize=16)
def folded(text: str) -> str:
    """The text without differences of case, white space and kind of quotation mark."""
    if not text.isascii():
        text = text.replace(_KELVIN, "\ufffd").translate(_QUOTES)
    return " ".join(text.lower().split())


def mentions(text: str, value: Any) -> bool:
    """Whether a text names a value; a list, when it names every one of its items."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return bool(value) and all(mentions(text, item) for item in value)
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return float(value) in _numbers(text)
    return isinstance(value, str) and _names(text, value)


def unmentioned(text: str, arguments: dict[str, Any]) -> list[str]:
    """The names of the arguments whose value the text does not mention; what is empty has no value."""
    empty: tuple[Any, ...] = (None, "", [], {})
    return sorted(
        name for name, value in arguments.items() if value not in empty and not mentions(text, value)
    )


def quotes(text: str, value: str) -> bool:
    """Whether a value stands in the text letter for letter, as whole words."""
    return bool(value.strip()) and _stands(text, value)


def numbers(text: str) -> list[float]:
    """The numbers a text names, in order. Parts of words, dates and times are none, nor are percentages."""
    return list(_numbers(text))


def when(text: str) -> datetime:
    """The moment an ISO date, with or without a time, stands for; in UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _names(text: str, value: str) -> bool:
    if looks_like_page(value):
        return _page_is_named(text, value)
    wanted = folded(value)
    if not wanted:
        return False
    return _stands(folded(text), wanted) or _moment_is_named(text, wanted)


# --- Words ----------------------------------------------------------------------------------


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


# --- Numbers --------------------------------------------------------------------------------

_NUMBER = re.compile(
    r"(?<![\w.,:/@#+-])(?:[$€£¥]\s?)?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,15}(?:[.,]\d{1,2}|\.\d{4,9})?)"
    r"(?![\w@])(?!\s?%)(?![.,:/-]\w)"
)


@lru_cache(maxsize=16)
def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_number(found) for found in _NUMBER.findall(text))


def _number(written: str) -> float:
    whole, comma, cents = written.rpartition(",")
    if comma and len(cents) <= 2:  # 12,50 as much of the world writes it
        written = f"{whole}.{cents}"
    return float(written.replace(",", ""))


# --- Dates ----------------------------------------------------------------------------------

_MONTHS = [
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
]
_MONTH = "(" + "|".join(f"{name[:3]}(?:{name[3:]})?" if name != "may" else name for name in _MONTHS) + r")\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_VALUE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[t ](\d\d):(\d\d)(?::00)?)?")
_ISO = re.compile(r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\d-])")
_MONTH_FIRST = re.compile(rf"\b{_MONTH} {_DAY},? (\d{{4}})\b")
_DAY_FIRST = re.compile(rf"\b{_DAY} (?:of )?{_MONTH},? (\d{{4}})\b")
_TIME = re.compile(r"(?<![\w:.,-])(\d{1,2})(?::(\d\d)(?::00)?)? ?([ap]\.?m\b)?(?![\w:]|[.,]\d)")


def _moment_is_named(text: str, wanted: str) -> bool:
    found = _VALUE.fullmatch(wanted)
    if not found:
        return False
    year, month, day, hour, minute = (int(part) if part else None for part in found.groups())
    dates, times = _moments(text)
    return (year, month, day) in dates and (hour is None or (hour, minute) in times)


@lru_cache(maxsize=16)
def _moments(text: str) -> tuple[frozenset[tuple[int, int, int]], frozenset[tuple[int, int]]]:
    text = folded(text)
    return frozenset(_dates(text)), frozenset(_times(text))


def _dates(text: str) -> Iterator[tuple[int, int, int]]:
    for year, month, day in _ISO.findall(text):
        yield int(year), int(month), int(day)
    for month, day, year in _MONTH_FIRST.findall(text):
        yield int(year), _month(month), int(day)
    for day, month, year in _DAY_FIRST.findall(text):
        yield int(year), _month(month), int(day)


def _month(name: str) -> int:
    return next(n for n, full in enumerate(_MONTHS, start=1) if full.startswith(name[:3]))


def _times(text: str) -> Iterator[tuple[int, int]]:
    if _stands(text, "noon"):
        yield 12, 0
    for hour, minute, half in _TIME.findall(text):
        if minute or half:
            yield (int(hour) % 12 + 12 * half.startswith("p") if half else int(hour)), int(minute or 0)


# --- Addresses ------------------------------------------------------------------------------

Page = tuple[str, str]
_SCHEME = re.compile(r"https?://|www\.", re.IGNORECASE)
PAGE = re.compile(
    r"(?<![\w@.-])(?:[a-z][a-z0-9+.-]{1,20}://[^\s<>\"']+|"
    r"[^\W_](?:[\w-]{0,62}\.){1,10}[^\W\d_]{2,24}(?::\d{1,5})?(?:[/?#][^\s<>\"']*)?(?![\w@-]))",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}'\"*"


def looks_like_page(value: str) -> bool:
    return _SCHEME.match(value.strip()) is not None


def pages(text: str) -> list[str]:
    """The web addresses in a text, with or without scheme, in order."""
    return [found.rstrip(_TRAILING) for found in PAGE.findall(text)]


def meant(written: str) -> Page:
    """What an address means, so that spellings of the same page are equal."""
    written = written.strip()
    scheme, _sign, rest = written.partition("://") if "://" in written[:24] else ("http", "", written)
    name, mark, path = re.match(r"([^/?#]*)([/?#]?)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    return scheme.lower(), f"{_lower(name)}{mark}{path}".removesuffix("/")


@lru_cache(maxsize=16)
def named_pages(text: str) -> frozenset[Page]:
    """The pages a text names. Where it says http or nothing, the same over https may be meant."""
    named = {meant(written) for written in pages(text)}
    return frozenset(named | {("https", page) for scheme, page in named if scheme == "http"})


def _page_is_named(text: str, value: str) -> bool:
    return meant(value) in named_pages(text)


def _lower(name: str) -> str:
    return name.lower() if name.isascii() else name


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
