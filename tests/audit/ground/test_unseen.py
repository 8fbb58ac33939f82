from __future__ import annotations

import sys
import time
import unicodedata

import pytest

from audit.ground.unseen import is_honest, pieces, shown, told

HONEST = [
    "Refund 54.04 for order #W1",
    "Zeile eins\nZeile zwei\r\n\tdrei",
    "שלום, ההזמנה הגיעה שבורה",
    "وصلت الغلاية مكسورة",
    "می‌خواهم",  # Persian, with the joiner its spelling asks for
    "क्ष और क्‍ष",  # Hindi, likewise
    "日本語のテキスト",
    "日本語　テキスト",  # with the wide space that belongs there
    "« Oui », 10\u00a0000\u00a0€\u00a0!",
    "Привет, сор PayPal",  # all of its letters look Latin, beside a word that is surely Russian
    "Орех",
    "пример.com",
    "münchen.de",
    "Привет, мир",
    "Ελληνικά",
    "10 kΩ, 3 μm, 2Δt",
    "👨‍👩‍👧 ❤️ 1️⃣ ☎️ 👍🏽",
    "naïve café — “quoted”",
    "",
]


@pytest.mark.parametrize("text", HONEST)
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert is_honest(text)
    assert "".join(piece.text for piece in pieces(text)) == text


HIDDEN = [
    ("a\u202eb", "U+202E", "direction"),
    ("a\u2066b", "U+2066", "direction"),
    ("a\u200fb", "U+200F", "direction"),
    ("pay\u200bpal", "U+200B", "no room"),
    ("pay\u200dpal", "U+200D", "no room"),
    ("pay\u200cpal", "U+200C", "no room"),
    ("\ufefftext", "U+FEFF", "no room"),
    ("a\u00adb", "U+00AD", "unseen"),
    ("a\x00b", "U+0000", "control"),
    ("a\x1b[31mb", "U+001B", "control"),
    ("a\x85b", "U+0085", "control"),
    ("a\rb", "U+000D", "control"),
    ("a\u00a0b", "U+00A0", "space"),
    ("a\u2028b", "U+2028", "space"),
    ("a\u3164b", "U+3164", "nothing"),
    ("a\ufe0fb", "U+FE0F", "changes the letter"),
    ("a\U000e0100b", "U+E0100", "changes the letter"),
    ("a\ue000b", "U+E000", "no meaning"),
    ("a\U000e0065\U000e0076\U000e0069\U000e006cb", "U+E0065 ×4", "“evil”"),
    ("a\u200b\u200b\u200bb", "U+200B ×3", "no room"),
]


@pytest.mark.parametrize(("text", "mark", "note"), HIDDEN)
def test_what_is_hidden_gets_a_mark_in_its_place(text: str, mark: str, note: str) -> None:
    found = pieces(text)

    [marked] = [piece for piece in found if piece.mark]
    assert marked.mark == mark
    assert note in marked.note
    assert "".join(piece.text for piece in found) == text
    assert f"[{mark}]" in shown(text)


@pytest.mark.parametrize("word", ["p\u0430ypal", "\u0410pple", "Micr\u03bfsoft", "sc\u03bfpe"])
def test_a_word_in_two_alphabets_is_flagged(word: str) -> None:
    found = pieces(f"to {word} now")

    [marked] = [piece for piece in found if piece.mark]
    assert marked.mark.startswith("mixed letters ")
    assert "two alphabets" in marked.note
    assert "".join(piece.text for piece in found) == f"to {word} now"


TWINS = [
    ("pay \u0441\u043e\u0441\u043e now", "Cyrillic letters", "coco"),
    ("Pay \u0430 fee", "Cyrillic letters", "a"),
    ("\u039d\u0391\u03a4\u039f and others", "Greek letters", "NATO"),
    ("go to \u0441\u043e\u0441\u043e.com", "Cyrillic letters", "coco"),
    ("xn--pypal-4ve.com", "coded letters", "p\u0430ypal"),
    ("paypal\uff0ecom", "U+FF0E", "“.”"),
    ("shop.example\u2215evil", "U+2215", "“/”"),
    ("\U0001d429\U0001d41a\U0001d432 now", "styled letters", "pay"),
]


@pytest.mark.parametrize(("text", "mark", "reads"), TWINS)
def test_what_only_looks_latin_is_flagged_and_read_aloud(text: str, mark: str, reads: str) -> None:
    [marked] = [piece for piece in pieces(text) if piece.mark]
    assert (marked.mark, marked.text) == (mark, "")
    assert reads in marked.note
    assert "".join(piece.text for piece in pieces(text)) == text


def test_what_is_not_as_it_seems_is_counted() -> None:
    assert told(pieces("fine")) == ""
    assert told(pieces("a\u200b\u200bb\u202e p\u0430ypal")) == "3 hidden characters and 1 look-alike"
    assert told(pieces("p\u0430y M\u0430x")) == "2 look-alikes"


def test_every_character_that_cannot_be_seen_is_marked() -> None:
    """All of Unicode, as this Python knows it, save the visible signs that Arabic counts as format."""
    hidden = [
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cf", "Cc", "Zs", "Zl", "Zp", "Co")
    ]
    unmarked = [c for c in hidden if is_honest(f"x{c}y")]

    assert [c for c in unmarked if c not in "\t\n "] == [
        *map(chr, range(0x600, 0x606)),
        *"\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd",
    ]


def test_one_line_stays_one_line() -> None:
    assert shown("a\n\n  b\u2028c") == "a b[U+2028]c"


@pytest.mark.parametrize(
    "part", ["p\u0430ypal \u200b\u202e ", "\u0441\u043e\u0441\u043e a ", "a.b.", "\u0441\u043e.", "xn--"]
)
def test_a_body_full_of_it_is_quick(part: str) -> None:
    worst = part * (300_000 // len(part))
    began = time.process_time()

    pieces(worst)

    assert time.process_time() - began < 3
