"""Text taken apart into what reads as it is and what hides or pretends: for every page that shows any.

The text itself is never changed: a hidden character gets a visible mark in its place, a
word whose letters only look like Latin ones gets one behind it. Hebrew, Arabic, Japanese and
emoji that are what they seem stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Piece(NamedTuple):
    """`text` to be shown as it is; or a `mark` that stands for what can't be seen, with its `note`."""

    text: str
    mark: str = ""
    note: str = ""


_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ZERO_WIDTH = "\u034f\u200b-\u200d\u2060-\u2065\ufeff\u180e"
_TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_SPACES = "\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Letters and signs that are drawn as nothing.
_BLANK = "\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_CONTROLS = "\x00-\x08\x0b\x0c\r\x0e-\x1f\x7f-\x9f"
_FORMAT = (
    "\u00ad\u206a-\u206f\ufff0-\ufffb\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)
# Nobody but the sender knows what these mean, if anything.
_PRIVATE = "\ue000-\uf8ff\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff"
_HIDDEN = re.compile(
    f"(?P<tags>[{_TAGS}]+)"
    f"|(?P<one>[{_BIDI}{_ZERO_WIDTH}{_SELECTORS}{_SPACES}{_BLANK}{_CONTROLS}{_FORMAT}{_PRIVATE}])(?P=one)*"
)
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\uff21-\uff5a]")
_ALPHABETS = "\u0370-\u052f\u0531-\u0587\u13a0-\u13fd\u1c80-\u1c8f\u1f00-\u1fff\u2de0-\u2dff\ua640-\ua69f"
_LOOK_ALIKE = re.compile(f"[{_ALPHABETS}]")
_UNITS = set("Ωμαβγδλπρσφω∆Δ")  # kΩ, μm: Greek letters that short words of science hold
# Letters of other alphabets that most typefaces draw like a Latin one, with that one.
_TWINS = dict(
    zip(
        "аеорсухіјѕһԁԛԝҽԍӏАВЕЗКМНОРСТУХІЈЅҮԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧοινυρκαᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᏀᏃᏎᏒᏔᏙᏚᏞᏟᏢᏦᏴ",
        "aeopcyxijshdqwegiABE3KMHOPCTYXIJSYGQWABEZHIKMNOPTYXoivupkaDRTiYAJEWMHGZ4RWVSLCPKB",
        strict=True,
    )
)
SAME_LETTERS = str.maketrans(_TWINS)  # for who compares how words look
# The alphabets of mathematics spell words that search and rules do not find.
_MATHEMATICS = "\U0001d400-\U0001d7ff"
_STYLED = re.compile(f"[{_MATHEMATICS}]{{2,}}")
_LETTERS = re.compile(r"[^\W\d_]+")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[A-Za-z][A-Za-z0-9-]{1,62}(?![\w-])")
# Drawn like the dots, slashes and colons that hold an address together.
_SIGNS = dict(
    zip(
        "\u2024\uff0e\u3002\uff61\u2044\u2215\u29f8\uff0f\u2236\ua789\uff1a\uff20",
        "....////:::@",
        strict=True,
    )
)
_PUNYCODE = re.compile(r"\bxn--[A-Za-z0-9-]{1,59}")
_SIGN = re.compile(f"(?<=[A-Za-z0-9])[{''.join(_SIGNS)}](?=[A-Za-z0-9])")
_NOTES = {
    _BIDI: "changes the direction of the text, unseen",
    _ZERO_WIDTH: "takes no room, unseen",
    _SELECTORS: "changes the letter before it, or hides data",
    _SPACES: "looks like a space and is another character",
    _BLANK: "is drawn as nothing",
    _CONTROLS: "is a control character",
    _FORMAT: "is unseen",
    _PRIVATE: "has no meaning that everybody knows",
}
_NOTED = [(re.compile(f"[{characters}]"), note) for characters, note in _NOTES.items()]
# Text without any of these, and without coded domains, reads as it is.
_ODD = re.compile(f"[{''.join(_NOTES)}{_TAGS}{''.join(_SIGNS)}{_ALPHABETS}{_MATHEMATICS}]")


def pieces(text: str) -> list[Piece]:
    """The text in order, piece by piece. Joined, the texts give back what was sent."""
    if is_plain(text):
        return [Piece(text)] if text else []
    found: list[Piece] = []
    done = 0
    for place in _marks(text):
        if place.start > done:
            found.append(Piece(text[done : place.start]))
        found.append(Piece(text[place.start : place.end], place.mark, place.note))
        done = place.end
    if done < len(text):
        found.append(Piece(text[done:]))
    return found


def is_plain(text: str) -> bool:
    """Is there nothing in it that has to be looked at twice? So it is with almost every text."""
    honest = (text.isascii() and text.isprintable()) or not _ODD.search(text)
    return honest and "xn--" not in text


def shown(text: str) -> str:
    """The same on one line, for where there is room for words only: `[U+202E]` where one is hidden."""
    if is_plain(text):
        return " ".join(text.split())
    told = [f"[{piece.mark}]" if piece.mark else piece.text for piece in pieces(text)]
    return " ".join("".join(told).split())


def is_honest(text: str) -> bool:
    """Does it read as it is?"""
    return not any(piece.mark for piece in pieces(text))


def told(found: Iterable[Piece]) -> str:
    """What of these pieces is not what it seems, counted: "3 hidden characters and 1 look-alike"."""
    marked = [piece for piece in found if piece.mark]
    hidden = sum(len(piece.text) for piece in marked)
    twins = sum(1 for piece in marked if not piece.text)
    said = [_counted(hidden, "hidden character")] if hidden else []
    said += [_counted(twins, "look-alike")] if twins else []
    return " and ".join(said)


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


class _Place(NamedTuple):
    """Where something is not as it seems, with mark and note; behind a word it is empty."""

    start: int
    end: int
    mark: str
    note: str


def _marks(text: str) -> Iterator[_Place]:
    runs = [run for run in _HIDDEN.finditer(text) if not _is_honest(text, run)]
    hidden = [_Place(run.start(), run.end(), *_told(run[0])) for run in runs]
    if text.isascii():
        return iter(sorted([*hidden, *_coded(text)]) if "xn--" in text else hidden)
    return iter(sorted([*hidden, *_pretending(text)]))


def _told(run: str) -> tuple[str, str]:
    first = run[0]
    mark = f"U+{ord(first):04X}" + (f" ×{len(run)}" if len(run) > 1 else "")
    if "\U000e0000" <= first <= "\U000e007f":
        spelt = "".join(chr(ord(c) - 0xE0000) for c in run if "\U000e0020" <= c <= "\U000e007e")
        return mark, f"Hidden tag characters that spell “{spelt}”"
    name = unicodedata.name(first, "Character without a name").capitalize()
    why = next(note for characters, note in _NOTED if characters.match(first))
    return mark, f"{name}: {why}"


def _is_honest(text: str, match: re.Match[str]) -> bool:
    """Where such a character belongs: Windows' line ends, emoji, and letters of scripts that join."""
    run, before, after = (
        match[0],
        text[match.start() - 1 : match.start()],
        text[match.end() : match.end() + 1],
    )
    if run == "\r":
        return after == "\n"
    if run in ("\ufe0e", "\ufe0f"):
        return _is_emoji(before) or (before in "0123456789#*" and before != "" and after == "\u20e3")
    if run == "\u200d":
        return _is_virama(before) or ((before == "\ufe0f" or _is_emoji(before)) and _is_emoji(after))
    if run == "\u200c":
        return _is_virama(before) or (_is_arabic(before) and _is_arabic(after))
    if run == "\u3000":
        return _is_east_asian(before) and _is_east_asian(after)
    if run in ("\u00a0", "\u202f"):
        return _is_french(before, after)
    return False


def _is_emoji(character: str) -> bool:
    if not character:
        return False
    in_emoji_blocks = "\U0001f000" <= character <= "\U0001faff" or "\u2190" <= character <= "\u2bff"
    return in_emoji_blocks or character in "©®™‼⁉ℹ〰〽㊗㊙"


def _is_east_asian(character: str) -> bool:
    return (
        "\u3000" < character <= "\u9fff"
        or "\uac00" <= character <= "\ud7a3"
        or "\uff01" <= character <= "\uff60"
    )


def _is_french(before: str, after: str) -> bool:
    """The narrow spaces that French and tables of numbers ask for: «\u00a0oui\u00a0», 10\u00a0000\u00a0€."""
    number = before.isdecimal() and (after.isdecimal() or after in tuple("€$£%"))
    return number or before == "«" or after in tuple("»:;!?")


def _is_virama(character: str) -> bool:
    return character != "" and unicodedata.combining(character) == 9


def _is_arabic(character: str) -> bool:
    return "\u0620" <= character <= "\u06ff" and character.isalpha()


def _pretending(text: str) -> Iterator[_Place]:
    """Behind each word, sign and domain that is drawn like Latin letters and is something else."""
    yield from _coded(text)
    for sign in _SIGN.finditer(text):
        name = unicodedata.name(sign[0]).capitalize()
        told = f"{name}: looks like “{_SIGNS[sign[0]]}” and is another character"
        yield _Place(sign.end(), sign.end(), f"U+{ord(sign[0]):04X}", told)
    for word in _STYLED.finditer(text):
        reads = unicodedata.normalize("NFKC", word[0])
        note = f"Letters of mathematics that read “{reads}”"
        yield _Place(word.end(), word.end(), "styled letters", note)
    if _LOOK_ALIKE.search(text):
        yield from _look_alike(text)


def _look_alike(text: str) -> Iterator[_Place]:
    """Behind each word that mixes Latin with its look-alikes, or is all look-alikes beside Latin."""
    domains = [(domain.start(), domain.end()) for domain in _DOMAIN.finditer(text)]
    within = iter(domains)
    domain = next(within, None)
    words = list(_LETTERS.finditer(text))
    for n, word in enumerate(words):
        while domain and domain[1] <= word.start():
            domain = next(within, None)
        foreign = _LOOK_ALIKE.findall(word[0])
        if not foreign:
            continue
        if _LATIN.search(word[0]):
            if not (len(word[0]) <= 3 and _UNITS.issuperset(foreign)):
                yield _Place(word.end(), word.end(), *_mixed(foreign))
            continue
        if not all(letter in _TWINS for letter in word[0]):
            continue
        in_domain = domain is not None and domain[0] <= word.start()
        beside = [words[m][0] for m in (n - 1, n + 1) if 0 <= m < len(words)]
        if in_domain or _seems_latin(word[0], beside):
            yield _Place(word.end(), word.end(), *_whole(word[0]))


def _mixed(foreign: list[str]) -> tuple[str, str]:
    letters = list(dict.fromkeys(foreign))
    names = ", ".join(unicodedata.name(c, "?").capitalize() for c in letters)
    mark = "mixed letters " + " ".join(f"{c} U+{ord(c):04X}" for c in letters[:3])
    return mark, f"One word in two alphabets. Among Latin letters: {names}"


def _seems_latin(word: str, beside: list[str]) -> bool:
    """Is a word of twins meant as Latin? The words beside it are, and none is surely of its own alphabet."""
    latin = [bool(_LATIN.search(other)) for other in beside]
    if len(word) == 1:  # α and ν are honest signs; а between two Latin words is not
        return "\u0400" <= word <= "\u052f" and len(latin) == 2 and all(latin)
    own = any(_LOOK_ALIKE.search(c) and c not in _TWINS for other in beside for c in other)
    return any(latin) and not own


def _whole(word: str) -> tuple[str, str]:
    alphabet = unicodedata.name(word[0], "?").split()[0].capitalize()
    reads = "".join(_TWINS.get(letter, letter) for letter in word)
    return f"{alphabet} letters", f"A word in {alphabet} letters beside Latin ones; it looks like “{reads}”"


def _coded(text: str) -> Iterator[_Place]:
    """Behind each part of a domain that stands for other letters: xn--pypal-4ve."""
    for label in _PUNYCODE.finditer(text):
        try:
            reads = label[0][4:].encode().decode("punycode")
        except (UnicodeError, ValueError):
            reads = "nothing that can be read"
        yield _Place(label.end(), label.end(), "coded letters", f"Browsers show it as “{reads}”")
