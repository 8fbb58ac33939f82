"""A text as a policy reads it: its words, sentences, numbers, dates and web addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import TypeVar

from governance.expressions import effort

Page = tuple[str, str]  # scheme, and the rest of an address

LONGEST_QUESTION = 500  # characters

_KELVIN = "\u212a"  # the one letter that lowers to one of ASCII
_QUOTES = str.maketrans("‘’“”", "''\"\"")
_WORDS = re.compile(r"\w+(?:'\w+)?")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])[\"')\]]*\s+")


Found = TypeVar("Found")


class Kept(dict[str, Found]):
    """Answers that rules ask for again: few, of short questions, for a text may stay read for long."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def of(self, question: str, answer: Callable[[], Found]) -> Found:
        """The answer kept, or else this one."""
        if question in self:
            return self[question]
        found = answer()
        if len(question) <= LONGEST_QUESTION:
            if len(self) >= self.most:
                self.clear()
            self[question] = found
        return found


class TextFacts:
    """Everything is worked out when it is first asked for, and once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.named = Kept[bool](256)  # what was looked for in it, and whether it is there
        self.abouts = Kept[str](8)  # the same, and the sentences where it is

    @cached_property
    def folded(self) -> str:
        return folded(self.text)

    @cached_property
    def sentence_count(self) -> int:
        """How many sentences there are, or a few more."""
        return len(self.text.splitlines()) + sum(1 for _ in _SENTENCE_ENDS.finditer(self.text))

    @cached_property
    def sentences(self) -> tuple[TextFacts, ...]:
        parts = (p for line in self.text.splitlines() for p in _SENTENCE_ENDS.split(line.strip()))
        return tuple(TextFacts(part) for part in parts if part)

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(_WORDS.findall(self.folded))

    @cached_property
    def spaced(self) -> str:
        """The words alone, a blank around each."""
        return f" {' '.join(self.words)} "

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        return tuple(_number(found) for found in _NUMBER.findall(self.text))

    @cached_property
    def dates(self) -> frozenset[tuple[int, int, int]]:
        return frozenset(_dates(self.folded))

    @cached_property
    def times(self) -> frozenset[tuple[int, int]]:
        return frozenset(_times(self.folded))

    @cached_property
    def pages(self) -> tuple[str, ...]:
        return tuple(found.rstrip(_AFTER_A_PAGE) for found in _PAGE.findall(self.text))

    @cached_property
    def pages_meant(self) -> frozenset[Page]:
        """Where it says http or no scheme at all, the same page over https may be meant."""
        named = {page_meant(written) for written in self.pages}
        return frozenset(named | {("https", page) for scheme, page in named if scheme == "http"})

    @cached_property
    def contacts(self) -> tuple[str, ...]:
        """E-mail addresses, @names, and numbers or codes long enough for an account or a telephone."""
        return tuple(_contacts(self.folded))


LONG = 32 * 1024  # characters; what is known of longer texts takes megabytes
_READ = 700  # units of effort for a character, until everything that can be asked of a text is found
_SENTENCE = 12_000  # and for a sentence


def said(text: str) -> TextFacts:
    """The text, read; many rules ask about the same one. Raises `effort.TooMuch`."""
    effort.spend_once(text, "read", _READ * len(text))
    return (_long if len(text) > LONG else _short)(text)


def sentences_of(text: str) -> tuple[TextFacts, ...]:
    """The sentences of a text. Raises `effort.TooMuch`, also for more than anybody says."""
    read = said(text)
    if read.sentence_count > effort.MOST_SENTENCES:
        raise effort.TooMuch(f"the text has more than {effort.MOST_SENTENCES:,} sentences")
    effort.spend_once(text, "sentences", _SENTENCE * read.sentence_count)
    return read.sentences


_short = lru_cache(maxsize=16)(TextFacts)
_long = lru_cache(maxsize=2)(TextFacts)


def folded(text: str) -> str:
    """The text without differences of case, white space and kind of quotation mark."""
    if not text.isascii():
        text = text.replace(_KELVIN, "\ufffd").translate(_QUOTES)
    return " ".join(text.lower().split())


# --- Numbers --------------------------------------------------------------------------------

_NUMBER = re.compile(
    r"(?<![\w.,:/@#+-])(?:[$€£¥]\s?)?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,15}(?:[.,]\d{1,2}|\.\d{4,9})?)"
    r"(?![\w@])(?!\s?%)(?![.,:/-]\w)"
)


def _number(written: str) -> float:
    whole, comma, cents = written.rpartition(",")
    if comma and len(cents) <= 2:  # 12,50 as much of the world writes it
        written = f"{whole}.{cents}"
    return float(written.replace(",", ""))


# --- Dates and times ------------------------------------------------------------------------

_MONTHS = [
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
]
_MONTH = f"({'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in _MONTHS)})\\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_ISO = re.compile(r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\d-])")
_MONTH_FIRST = re.compile(rf"\b{_MONTH} {_DAY},? (\d{{4}})\b")
_DAY_FIRST = re.compile(rf"\b{_DAY} (?:of )?{_MONTH},? (\d{{4}})\b")
_TIME = re.compile(r"(?<![\w:.,-])(\d{1,2})(?::(\d\d)(?::00)?)? ?([ap]\.?m\b)?(?![\w:]|[.,]\d)")
_NOON = re.compile(r"\bnoon\b")


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
    if _NOON.search(text):
        yield 12, 0
    for hour, minute, half in _TIME.findall(text):
        if minute or half:
            yield (int(hour) % 12 + 12 * half.startswith("p") if half else int(hour)), int(minute or 0)


# --- Web addresses --------------------------------------------------------------------------

_PAGE = re.compile(
    r"(?<![\w@.-])(?:[a-z][a-z0-9+.-]{1,20}://[^\s<>\"']+|"
    r"[^\W_](?:[\w-]{0,62}\.){1,10}[^\W\d_]{2,24}(?::\d{1,5})?(?:[/?#][^\s<>\"']*)?(?![\w@-]))",
    re.IGNORECASE,
)
_AFTER_A_PAGE = ".,;:!?)]}'\"*"
_PARTS = re.compile(r"([^/?#]*)(.*)", re.DOTALL)


def page_meant(written: str) -> Page:
    """What an address means, so that spellings of the same page are equal."""
    written = written.strip()
    scheme, _, rest = written.partition("://") if "://" in written[:24] else ("http", "", written)
    name, path = _PARTS.fullmatch(rest).groups()  # type: ignore[union-attr] # it matches everything
    return scheme.lower(), f"{name.lower() if name.isascii() else name}{path}".removesuffix("/")


# --- Other addresses ------------------------------------------------------------------------

_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_HANDLE = re.compile(r"(?<![\w.+@-])@(\w{2,64})")
_ISO_DATE = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?(?![\w-])")
_LONG_NUMBER = re.compile(r"\d(?:[ ().-]{0,2}\d){5,40}")
_CODE = re.compile(r"\w{8,64}")


def _contacts(text: str) -> Iterator[str]:
    if "@" in text:
        yield from _MAIL.findall(text)
        yield from _HANDLE.findall(text)
    yield from _LONG_NUMBER.findall(_ISO_DATE.sub(" ", text))
    yield from (code for code in _CODE.findall(text) if sum(sign.isdigit() for sign in code) >= 4)
