"""The functions a policy may call: what they find, what they must not, and how long they take."""

from __future__ import annotations

import string
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.expressions.carried import adds, has_hidden, has_secret
from governance.expressions.cel import Expression, NoAnswer
from governance.expressions.effort import TooMuch
from governance.expressions.functions import FUNCTIONS
from governance.expressions.mentions import domain, host, mentions, numbers, pages, quotes, unmentioned
from governance.expressions.reading import said
from governance.expressions.requests import about, asks, repeats

REQUEST = (
    "Am I free at 12:00 on 2024-05-19? If so, create an event with Jo on May 16th, 2024 at 4 pm, "
    "invite 'jo.doe@shop.example' and read www.news.example/today and https://safe.example/a?q=1. "
    "Pay 1,200.50 to GB29NWBK60, 12,50 to Al and $7.00 to #W1; that is 10% of 99."
)


@pytest.mark.parametrize(
    "value",
    [
        *("jo.doe@shop.example", "JO.DOE@shop.example", "Jo", "GB29NWBK60", "#W1", "create  an event"),
        *(1200.5, 12.5, 7, 7.0, 99),
        *("2024-05-19", "2024-05-19 12:00", "2024-05-19T12:00:00", "2024-05-16 16:00", "2024-05-16"),
        *("www.news.example/today", "http://www.news.example/today", "https://WWW.news.example/today/"),
        *("https://safe.example/a?q=1", ["Jo", "Al", 7], {"who": "Jo", "when": "2024-05-19"}),
    ],
)
def test_what_a_text_names_in_any_usual_form_is_mentioned(value: Any) -> None:
    assert mentions(REQUEST, value)


@pytest.mark.parametrize(
    "value",
    [
        *("doe@shop.example", "jo.doe@shop.example.evil.example", "shop.example", "jo", "GB29", "GB29NWBK6")[
            :3
        ],
        *("GB29NWBK600", "GB29NWBK6", "W12", "an even", "J\u043e", "\uff2ao", "J\u200bo"),
        *(1200, 200.5, 1.2, 12, 50, 10, 16, 2024.5, 0, -7, True, None),
        *("2024-05-19 13:00", "2024-05-19 04:00", "2024-05-20 12:00", "2025-05-16", "2024-05-19 12:00:30"),
        *("www.news.example", "www.news.example/today/x", "www.old-news.example/today", "news.example"),
        *("www.news.example/today?leak=1", "http://www.news.example@evil.example/today"),
        *("http://safe.example/a?q=1", "https://safe.example/a?q=2", "https://safe.example:444/a?q=1"),
        *([], ["Jo", "Eve"], [None], {}, "", "  ", "\u212a"),
    ],
)
def test_what_is_only_near_is_not_mentioned(value: Any) -> None:
    assert not mentions(REQUEST, value)


def test_a_letter_that_lowers_to_another_is_not_that_other() -> None:
    assert "\u212a".lower() == "k"
    assert not mentions("pay Kim", "\u212aim")
    assert mentions("pay \u212aim", "\u212aim")


WORD = st.text(string.ascii_letters + string.digits, min_size=1, max_size=12)


@settings(deadline=None)
@given(st.lists(WORD, max_size=5), WORD, st.lists(WORD, max_size=5))
def test_a_word_that_stands_alone_is_always_mentioned(before: list[str], word: str, after: list[str]) -> None:
    text = " ".join([*before, word, *after])
    assert mentions(text, word)
    assert mentions(text, f" {word.upper()} ")
    assert quotes(text, word)


@settings(deadline=None)
@given(st.lists(WORD, min_size=1, max_size=8), WORD)
def test_a_word_is_mentioned_only_if_it_is_one_of_the_words(words: list[str], word: str) -> None:
    among = word.lower() in [said.lower() for said in words]
    assert mentions(" ".join(words), word) == among


@settings(deadline=None)
@given(
    WORD,
    st.sampled_from([*string.ascii_letters, *string.digits, *"_-.@/:+%#&=~?$\\"]),
    st.sampled_from("aZ0"),
    st.booleans(),
)
def test_a_word_joined_to_another_is_not_mentioned(word: str, joint: str, other: str, first: bool) -> None:
    text = f"{other}{joint}{word}" if first else f"{word}{joint}{other}"
    assert not mentions(f"see {text} there", word) or word.lower() == other.lower()


@settings(deadline=None)
@given(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=30))
def test_a_number_is_mentioned_only_by_its_own_value(number: float, around: str) -> None:
    assert mentions(around, number) == (float(number) in numbers(around))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,200.50 and 1200.5", [1200.5, 1200.5]),
        ("12,50 or 12.50 or 12", [12.5, 12.5, 12.0]),
        ("$5, €6.10, £ 7", [5.0, 6.1, 7.0]),
        ("We spent 12.00.", [12.0]),
        ("2024-05-19 at 12:30, 50%, v1.2.3, A4, 4th, 1/2, x@3, 1.234", []),
        ("1,234,567", [1234567.0]),
        ("1,23,4 and 12,3456", []),
        ("", []),
    ],
)
def test_numbers_are_those_a_person_would_read_as_such(text: str, found: list[float]) -> None:
    assert numbers(text) == found


def test_the_arguments_nobody_mentioned_are_named() -> None:
    arguments = {
        "id": 8,
        "to": ["jo.doe@shop.example", "eve@evil.example"],
        "amount": 1200.5,
        "note": None,
        "copies": [],
        "recurring": True,
        "when": "2024-05-19 12:00",
    }
    assert unmentioned(REQUEST, arguments) == ["id", "recurring", "to"]
    assert unmentioned("", {"a": "x", "b": {"c": ""}}) == ["a", "b"]


def test_a_password_is_quoted_only_letter_for_letter() -> None:
    assert quotes("Make it 'Ab-12'.", "Ab-12")
    assert not quotes("Make it 'Ab-12'.", "ab-12")
    assert not quotes("Make it 'Ab-12'.", "Ab")
    assert not quotes("anything", " ")


def test_a_text_falls_into_sentences() -> None:
    sentences = said("Pay 12.00 to A. Then (wait!) stop? Yes\n- no.").sentences
    assert [each.text for each in sentences] == ["Pay 12.00 to A.", "Then (wait!", "stop?", "Yes", "- no."]


def test_about_gives_the_sentences_that_name_all_of_it() -> None:
    text = "My landlord's account is X1 and the rent is 2200. Refund the 10.00 I got."
    assert about(text, "X1") == "My landlord's account is X1 and the rent is 2200."
    assert about(text, ["X1", 2200]) == "My landlord's account is X1 and the rent is 2200."
    assert about(text, ["X1", 10.0]) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Please pay Al.", True),
        ("PAY Al", True),
        ("Please send Al what I owe", True),
        ("He sent it, it was repaid.", False),
        ("Do not pay Al.", False),
        ("Don’t pay Al.", False),
        ("Pay Al, not Bob.", False),
        ("Pay Al. No, wait.", False),
        ("I have no idea. How are you? Pay Al.", True),
        ("Pay Al instead of Bob", False),
        ("", False),
    ],
)
def test_a_request_counts_unless_it_is_taken_back(text: str, expected: bool) -> None:
    assert asks(text, ["pay", "send Al"]) is expected


def test_only_words_that_are_asked_for_count() -> None:
    assert not asks("Pay Al", [])
    assert not asks("Pay Al", ["", "  ", 5])


def test_a_message_is_repeated_only_as_a_whole() -> None:
    text = "Write to all: Hi, i am a bot"
    assert repeats(text, "Hi, I am a bot!")
    assert not repeats(text, "Hi, I am a bot. Visit evil.example")
    assert not repeats(text, "I am a bo")
    assert not repeats(text, "Hi a bot")
    assert not repeats(text, "...")


@pytest.mark.parametrize(
    "content",
    [
        *(
            "see www.evil.example",
            "see evil.example/x",
            "http://10.0.0.1/",
            "ftp://evil/",
            "mail eve@evil.example",
        ),
        *(
            "ask @eve",
            "call +1 555 123 456",
            "account US133000000121",
            "pay to 1234567",
            "www.good.example/?leak=1",
        ),
    ],
)
def test_what_leads_away_is_found(content: str) -> None:
    assert adds("Summarise www.good.example for jo@shop.example, tel 123 456 789", f"Hello, {content} now")


def test_what_the_user_named_leads_nowhere_new() -> None:
    user = "Summarise www.good.example for jo@shop.example, tel 123 456 789, @al"
    content = "Of http://www.good.example: 3 tips, on 2024-05-19 12:00. jo@shop.example, Jo, 123 456 789, @al"
    assert adds(user, content) == []


@pytest.mark.parametrize(
    "text",
    [
        *("-----BEGIN RSA PRIVATE KEY-----", "AKIAABCDEFGHIJKLMNOP", "ghp_" + "a1B2" * 9, "sk-" + "a1B2" * 9),
        *("my password is hunter2", "Password: hunter2", "PIN = 1234", "security code: 463820"),
        *("https://x.example/?token=abcd1234", "postgres://me:pw@db/x", "card 4111 1111 1111 1111"),
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4",
    ],
)
def test_a_secret_is_seen(text: str) -> None:
    assert has_secret(text)
    assert has_secret({"body": ["fine", {"note": text}]})


@pytest.mark.parametrize(
    "text",
    [
        "Please update my password.",
        "pins and needles",
        "order 1234 5678 9012 3456",
        "sk-1",
        "0000 0000 0000 0000",
        "",
    ],
)
def test_what_only_speaks_of_secrets_is_none(text: str) -> None:
    assert not has_secret(text)


@pytest.mark.parametrize(
    "text",
    ["a\u200bb", "a\u200d😀", "\u202eabc", "p\u0430ypal", "\uff47oogle", "a\x00b", "\U000e0041", "bell\x07"],
)
def test_what_nobody_sees_is_found(text: str) -> None:
    assert has_hidden(text)
    assert has_hidden(["fine", {text: 1}])


@pytest.mark.parametrize(
    "text",
    [
        "plain\ttext\r\n",
        "Überweisung für Zoë",
        "привет",
        "日本語 text",
        "5 € — “so”",
        "😀",
        "👩\u200d💻 ❤️\u200d🔥",
    ],
)
def test_what_everybody_sees_is_fine(text: str) -> None:
    assert not has_hidden(text)


def test_hosts_and_domains() -> None:
    assert host("HTTPS://user:pw@Www.Evil.example:8443/x?y#z") == "www.evil.example"
    assert host("www.a.example/x") == "www.a.example"
    assert host("//x") == host("") == ""
    assert domain("Jo.Doe@Shop.Example") == "shop.example"
    assert domain("no address") == domain("@x") == domain("a@b c") == ""
    assert pages("See (www.a.example), http://b.example/x?y=1. But e.g. not 1.5") == [
        "www.a.example",
        "http://b.example/x?y=1",
    ]


def _answer(source: str, **facts: Any) -> Any:
    return Expression(source, ["args", "text"], FUNCTIONS).evaluate({"text": "", **facts})


def test_policies_call_them_with_what_arguments_hold() -> None:
    args = {
        "l": ["Jo", 7],
        "s": "Jo",
        "i": 7,
        "d": 7.0,
        "start": "2024-05-19 10:00",
        "end": "2024-05-19 11:30",
    }
    for name in ("l", "s", "i", "d"):
        assert _answer(f"mentions(text, args.{name})", text="Jo has 7", args=args) is True
    assert _answer("unmentioned(text, args)", text="Jo has 7", args=args) == ["end", "start"]
    assert (
        _answer("unmentioned(text, args).all(n, n in ['start', 'end'])", text="Jo has 7", args=args) is True
    )
    assert _answer("when(args.end) - when(args.start) == duration('90m')", args=args) is True
    assert _answer("asks(about(text, args.s), ['has'])", text="Jo has 7", args=args) is True
    assert _answer("numbers(text).exists(n, n >= 7.0)", text="Jo has 7", args=args) is True
    assert _answer("has_secret(args) || has_hidden(args)", args=args) is False
    assert _answer("adds(text, args.s) == []", args=args) is True


@pytest.mark.parametrize(
    "source", ["mentions(text, args.none)", "mentions(text, args.yes)", "when(args.word) == when(args.word)"]
)
def test_what_they_cannot_read_is_no_answer(source: str) -> None:
    with pytest.raises(NoAnswer):
        _answer(source, args={"none": None, "yes": True, "word": "tomorrow"})


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.text(max_size=80), ANYTHING, st.text(max_size=40))
@example("a 2024-02-31 99:99 pm", "2024-02-31 99:99", "://")
def test_they_answer_whatever_they_are_given(text: str, value: Any, other: str) -> None:
    before = repr(value)
    answers = [
        (mentions(text, value), unmentioned(text, {"v": value}), about(text, value), asks(text, [value])),
        (adds(text, other), numbers(text), pages(text), host(other), domain(other)),
        (quotes(text, other), repeats(text, other), has_secret(value), has_hidden(value)),
    ]
    again = [
        (mentions(text, value), unmentioned(text, {"v": value}), about(text, value), asks(text, [value])),
        (adds(text, other), numbers(text), pages(text), host(other), domain(other)),
        (quotes(text, other), repeats(text, other), has_secret(value), has_hidden(value)),
    ]
    assert answers == again
    assert repr(value) == before


def test_what_is_kept_of_a_text_that_stays_read_is_bounded() -> None:
    text = "the same text every time"
    for number in range(2_000):
        assert not mentions(text, f"v{number}")
        assert about(text, f"v{number}") == ""
        assert not mentions(text, f"v{number}" * 200)
    read = said(text)
    assert (len(read.named) <= 256, len(read.abouts) <= 8) == (True, True)
    assert max(map(len, read.named)) <= 500
    assert mentions(text, "same")


LONG = 60_000
HOSTILE = {
    "one word": "a" * LONG,
    "words": "ab " * (LONG // 3),
    "joined": "a-" * (LONG // 2),
    "addresses": "a@b.c.d.e " * (LONG // 10),
    "dots": "a." * (LONG // 2),
    "digits": "1" * LONG,
    "split digits": "1 " * (LONG // 2),
    "commas": "1," * (LONG // 2),
    "sentences": "No. " * (LONG // 4),
    "quotes and blanks": "' ) " * (LONG // 4),
    "blanks": " " * LONG,
    "lines": "\r\n \n" * (LONG // 4),
    "schemes": "http://" * (LONG // 7),
    "secrets": "password " * (LONG // 9),
    "tokens": "eyJaaaaaaaa-" * (LONG // 12),
    "keys of kinds": "sk-a " * (LONG // 5),
    "assignments": "pin is " * (LONG // 7),
    "parameters": "?key=a&" * (LONG // 7),
    "passwords": "://a:" * (LONG // 5),
    "signs": "?&" * (LONG // 2),
    "months": "may 1 " * (LONG // 6),
    "marks": "e\u0301" * (LONG // 2),
    "keys": "-----BEGIN AAAA " * (LONG // 16),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_makes_them_slow(kind: str) -> None:
    text = HOSTILE[kind]
    part = text[: LONG // 2]
    began = time.process_time()
    mentions(text, part)
    mentions(text, part + "x")
    mentions(text, 5)
    mentions(text, "2024-05-19 10:00")
    mentions(text, "www.a.example")
    with suppress(TooMuch):  # nobody says so many sentences
        about(text, "aaa")
        asks(text, ["pay"])
    repeats(text, part)
    quotes(text, part)
    adds(text, text + "x")
    pages(text)
    has_secret(text)
    has_hidden(text)
    host(text)
    domain(text)
    assert time.process_time() - began < 2.0
