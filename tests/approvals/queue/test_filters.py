"""What is wanted of the queue, and where one is in it: as an address says it, and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.beside import claims
from approvals.models import SavedView
from approvals.queue import saved_views
from approvals.queue.filters import LONGEST_QUERY, Filters, Position, Sort
from approvals.queue.read import COUNT_TO, Waiting, page
from approvals.queue.search import MOST_WORDS, id_in, words_of
from audit.ground.refusals import Invalid
from suggestions.models import Proposal
from tests.approvals.deciding.test_decide import approve
from tests.approvals.desk.test_views import browser
from tests.conftest import actor_of, suggestion_body

TEXTS = st.sampled_from(
    ["", "a", " b ", "&=?#", "ä☃", "\u202e", "%2F", "x" * 300, "priority", "age"]
) | st.text(max_size=5)
NAMES = list(Filters.__annotations__)


def read(query: str) -> Filters:
    return Filters.read(QueryDict(query.lstrip("?")).dict())  # type: ignore[arg-type]


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([*NAMES, "cursor", "nonsense"]), TEXTS))
def test_what_an_address_says_is_what_is_read_from_it(asked: dict[str, str]) -> None:
    filters = Filters.read(asked)
    again = read(filters.query())

    others = [name for name in NAMES if name != "every"]
    assert [getattr(again, name) for name in others] == [getattr(filters, name) for name in others]
    assert again.query() == filters.query()
    assert all(len(value) <= LONGEST_QUERY for value in vars(filters).values())


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", ""),
        ("?", ""),
        ("?team=", ""),
        ("?team=%20operations%20", "?team=operations"),
        ("?mine=0", "?mine=1"),
        ("?mine=", ""),
        ("?sort=priority", ""),
        ("?sort=nonsense", "?sort=nonsense"),
        ("?every=yes", "?every=1"),
        ("?every=1&risk=high", "?risk=high"),
        ("?every=1&cursor=abc", "?every=1"),
        ("?team=a&team=b", "?team=b"),
        ("?q=%00", "?q=%00"),
        ("?q=a+b%26c", "?q=a+b%26c"),
        ("?nonsense=1", ""),
    ],
)
def test_of_an_address_that_is_kept_which_means_something(query: str, kept: str) -> None:
    assert read(query).query() == kept


@pytest.mark.parametrize(
    ("filters", "active", "narrow"),
    [
        (Filters(), 0, False),
        (Filters(sort="age"), 0, False),
        (Filters(every="1"), 0, False),
        (Filters(team="operations"), 1, False),
        (Filters(q="kettle"), 0, True),
        (Filters(risk="high", mine="1", team="x"), 3, True),
        (Filters(soon="1", one_more="1", agent="x", action="y", q="z"), 4, True),
    ],
)
def test_filters_are_counted_for_their_button(filters: Filters, active: int, narrow: bool) -> None:
    assert (filters.active, filters.narrow) == (active, narrow)


@pytest.mark.parametrize("name", ["", "priority", "nonsense", "AGE", " age"])
def test_an_order_that_is_none_is_the_first(name: str) -> None:
    assert Sort.read(name) is Sort.PRIORITY


@pytest.mark.parametrize("sort", list(Sort))
def test_each_order_says_what_it_goes_by(sort: Sort) -> None:
    assert Sort.read(str(sort)) is sort
    assert sort.because.endswith(".")
    assert len({one.in_words for one in Sort}) == len(Sort)


# --- Places -------------------------------------------------------------------------------------------

MOMENTS = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))])
)


@settings(max_examples=40)
@given(st.integers(-999, 999), MOMENTS, st.uuids())
def test_a_cursor_leads_back_to_its_place(order: int, at: datetime, id: UUID) -> None:
    place = Position(order, at, id)
    cursor = place.as_cursor()
    assert Position.read(cursor) == place
    assert cursor.replace("-", "").replace("_", "").isalnum()


def cursor_of(text: str) -> str:
    import base64

    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


NOW, ID = "2026-01-01T00:00:00+00:00", str(UUID(int=7))


@pytest.mark.parametrize(
    "text",
    [
        f"0|2026-01-01T00:00:00|{ID}",
        f"1000|{NOW}|{ID}",
        f"-1000|{NOW}|{ID}",
        f"1.5|{NOW}|{ID}",
        f"|{NOW}|{ID}",
        f"0|{NOW}|nobody",
        f"0|{NOW}|",
        f"0|yesterday|{ID}",
        f"0|{NOW}|{ID}|0",
        f"{'9' * 5_000}|{NOW}|{ID}",
        "",
    ],
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        Position.read(cursor_of(text))
    assert refused.value.errors[0]["pointer"] == "/cursor"


# --- Words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n ", []),
        ("&|!:*()", []),
        ("Kettle", [["kettle"]]),
        ("#W1-2", [["w1", "2"]]),
        ("54.04 EUR", [["54", "04"], ["eur"]]),
        ("a@b.example", [["a", "b", "example"]]),
        ("Ärger ☃", [["ärger"], ["☃"]]),
        ("don't", [["don", "t"]]),
        (" ".join("abcdefghijklmn"), [[letter] for letter in "abcdefghij"]),
    ],
)
def test_what_is_typed_is_words_and_their_parts(text: str, words: list[list[str]]) -> None:
    assert words_of(text) == words


@settings(max_examples=40)
@given(st.text())
def test_no_sign_of_a_query_is_left_in_a_word(text: str) -> None:
    words = words_of(text)
    assert len(words) <= MOST_WORDS
    assert all(parts and all(parts) for parts in words)
    assert not set("&|!:*()'\\ \n") & set("".join(part for parts in words for part in parts))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ID, UUID(ID)),
        (f" {ID.upper()}\n", UUID(ID)),
        (ID.replace("-", ""), None),
        (f"{{{ID}}}", None),
        (f"{ID} kettle", None),
        ("x" * 36, None),
        ("", None),
    ],
)
def test_an_id_is_one_when_nothing_else_is_there(text: str, found: UUID | None) -> None:
    assert id_in(text) == found


@pytest.mark.parametrize(
    ("waiting", "teams", "said"),
    [
        ({}, [], "0"),
        ({}, ["a"], "0"),
        ({"a": 1}, ["a", "b"], "1"),
        ({"a": COUNT_TO}, ["a"], "1,000"),
        ({"a": COUNT_TO + 1}, ["a"], "1,000+"),
        ({"a": COUNT_TO + 1, "b": 1}, ["b"], "1"),
        ({"a": COUNT_TO, "b": COUNT_TO}, ["a", "b"], "2,000"),
        ({"a": COUNT_TO + 1, "b": 7}, ["a", "b"], "1,007+"),
    ],
)
def test_how_many_wait_is_said_up_to_a_limit(waiting: dict[str, int], teams: list[str], said: str) -> None:
    assert Waiting(waiting).count_of(teams) == said


# --- On real rows ---------------------------------------------------------------------------------------

CHOICES: dict[str, tuple[str, ...]] = {
    "team": ("", "operations", "nobody"),
    "risk": ("", "high", "medium"),
    "agent": ("", "support-bot"),
    "q": ("", "kettle", "parrot w2"),
    "mine": ("", "1"),
    "one_more": ("", "1"),
    "soon": ("", "1"),
}


def test_one_filter_more_never_finds_more(propose: Any, ana: Any, cyd: Any) -> None:
    """Whatever is asked for besides, in every order: what it finds was there without it, in that order."""
    for n, title in enumerate(["A kettle", "A parrot", "A kettle and a parrot", "Nothing"]):
        one = suggestion_body(
            arguments={"order_id": f"#W{n}", "amount": n + 1},
            risk={"level": "high" if n % 2 else "medium"},
        )
        proposal = propose(title=title, suggestions=[one])
        changes = {"team_id": "finance" if n == 3 else "operations", "approvals_needed": 2 if n < 2 else 1}
        if n == 1:
            changes["deadline"] = datetime.now(UTC) + timedelta(minutes=5)
        Proposal.objects.filter(pk=proposal.pk).update(**changes)
        if n < 2:
            approve(Proposal.objects.get(pk=proposal.pk), ana)
            claims.claim(proposal.pk, user=ana, actor=actor_of(ana))
    teams = ["operations", "finance"]
    found: dict[Filters, list[UUID]] = {}
    for values in product(*CHOICES.values()):
        asked = Filters(**dict(zip(CHOICES, values, strict=True)))
        found[asked] = page(teams, asked, me=ana.pk).ids

    assert len(found[Filters()]) == 4
    assert sum(bool(ids) for ids in found.values()) > 20
    for filters, ids in found.items():
        for name in CHOICES:
            wider = found[replace(filters, **{name: ""})]
            assert ids == [one for one in wider if one in ids], (filters, name)


@pytest.mark.parametrize("do", ["save", "delete", ""])
def test_a_view_that_was_deleted_meanwhile_is_not_there(ana: Any, do: str) -> None:
    view = saved_views.save("High", filters=Filters(risk="high"), user=ana)
    client = browser(ana)
    SavedView.objects.all().delete()

    answer = client.post(f"/queue/views/{view.pk}/", {"do": do, "name": "Higher"})

    assert (answer.status_code, SavedView.objects.count()) == (404, 0)


def test_a_view_that_is_deleted_while_it_is_renamed_stays_deleted(ana: Any) -> None:
    view = saved_views.save("High", filters=Filters(risk="high"), user=ana)
    SavedView.objects.all().delete()

    with pytest.raises(SavedView.DoesNotExist):
        saved_views.rename(view, "Higher")
    with pytest.raises(SavedView.DoesNotExist):
        saved_views.open_first(view, on=True)
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", ["high", "HIGH ", " h igh"])
def test_no_two_views_have_one_name_even_after_renaming(ana: Any, name: str) -> None:
    saved_views.save("High", filters=Filters(risk="high"), user=ana)
    other = saved_views.save("Other", filters=Filters(), user=ana)
    client = browser(ana)

    client.post(f"/queue/views/{other.pk}/", {"do": "save", "name": name, "opens_first": "on"})

    other.refresh_from_db()
    taken = name.strip().lower() == "high"
    assert (other.name, other.opens_first) == (("Other", False) if taken else ("h igh", True))


def test_the_page_says_that_it_is_gone(ana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    view = saved_views.save("High", filters=Filters(risk="high"), user=ana)
    client = browser(ana)
    rename = saved_views.rename

    def too_late(view: SavedView, name: str) -> None:
        SavedView.objects.all().delete()
        rename(view, name)

    monkeypatch.setattr(saved_views, "rename", too_late)

    assert client.post(f"/queue/views/{view.pk}/", {"do": "save", "name": "Higher"}).status_code == 404
