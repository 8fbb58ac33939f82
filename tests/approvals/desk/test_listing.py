"""The list of the desk: why there is nothing in it, how many there are, and where its links lead."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from approvals.beside import claims
from approvals.desk.around import around_of
from approvals.desk.listing import list_of
from approvals.queue import read, saved_views
from approvals.queue.filters import Filters
from governance.models import Team, User
from suggestions.models import Proposal
from tests.approvals.desk.test_views import browser, page, part
from tests.conftest import actor_of, suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here


@pytest.fixture
def listed() -> Callable[..., dict[str, Any]]:
    """`listed(person, "?risk=high")` is what the list draws for them."""

    def of(person: Any, query: str = "") -> dict[str, Any]:
        request = RequestFactory().get(f"/queue/{query}")
        request.user = person
        return list_of(request, around_of(person))  # type: ignore[arg-type]

    return of


@pytest.fixture
def three(propose: Any) -> list[Any]:
    return [
        propose(suggestions=[suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})])
        for n in range(3)
    ]


@pytest.mark.parametrize(
    ("query", "kind", "others"),
    [
        ("?risk=critical", "nothing_matches", "3"),
        ("?q=parrot", "nothing_matches", "3"),
        ("?mine=1", "not_mine", "3"),
        ("?mine=1&risk=medium", "nothing_matches", "3"),
        ("?mine=1&q=kettle", "nothing_matches", "3"),
        ("?soon=1", "nothing_matches", "3"),
        ("?team=nobody", "trouble", "3"),
        ("?risk=purple", "trouble", "3"),
        ("?sort=odd", "trouble", "3"),
        ("?cursor=odd", "trouble", "3"),
    ],
)
def test_why_there_is_nothing_is_known(
    listed: Any, three: list[Any], ana: Any, query: str, kind: str, others: str
) -> None:
    empty = listed(ana, query)["empty"]
    assert (empty["kind"], empty["others"], bool(empty["trouble"])) == (kind, others, kind == "trouble")
    assert listed(ana)["empty"] is None


def test_nothing_waits_and_nobody_is_asked_are_two_things(listed: Any, ana: Any) -> None:
    assert listed(ana)["empty"]["kind"] == "nothing"
    ana.teams.clear()
    later = User.objects.get(pk=ana.pk)
    assert listed(later)["empty"]["kind"] == "no_team"
    assert listed(later, "?mine=1")["empty"]["kind"] == "nothing_matches"


def test_a_search_that_has_not_looked_everywhere_says_so(
    listed: Any, three: list[Any], propose: Any, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "LOOK_AT", 2)
    high = [three[-1], propose()]
    Proposal.objects.filter(pk__in=[one.pk for one in high]).update(risk=2)

    found = listed(ana, "?risk=high")
    further = listed(ana, found["next_url"].partition("/queue/")[2])

    assert (found["rows"], found["empty"]["kind"], found["counts"]) == ([], "further", "0+")
    assert [row.id for row in further["rows"]] == [str(one.pk) for one in high]
    text = page(browser(ana), "/queue/?risk=high", headers=part("queue"))
    assert "None among the first" in text
    assert "Look further" in text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?risk=critical", "No waiting proposal fits"),
        ("?risk=purple", "“purple” is no risk; there are low, medium, high, critical."),
        ("?team=%3Cb%3E", "There is no team “<b>” that you could see the proposals of."),
        ("?sort=odd", "There is no order “odd”; there are priority, deadline, age."),
        ("?cursor=odd", "This page of the queue does not exist; begin at the top."),
    ],
)
def test_the_page_says_why(three: list[Any], ana: Any, query: str, said: str) -> None:
    text = page(browser(ana), f"/queue/{query}", headers=part("queue"))
    assert said in html.unescape(text)
    assert "<b>”" not in text


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("", "3"),
        ("?sort=age", "3"),
        ("?team=operations", "3"),
        ("?risk=medium", "3"),
        ("?q=kettle", "3"),
        ("?mine=1", "1"),
    ],
)
def test_how_many_there_are_is_said(listed: Any, three: list[Any], ana: Any, query: str, counts: str) -> None:
    claims.claim(three[0].pk, user=ana, actor=actor_of(ana))
    assert listed(ana, query)["counts"] == counts


def test_more_than_a_page_of_what_is_filtered_is_so_many_and_more(
    listed: Any, three: list[Any], ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(read.page.__kwdefaults__, "size", 2)
    found = listed(ana, "?risk=medium")
    assert (found["counts"], len(found["rows"])) == ("2+", 2)
    assert found["next_url"].startswith("/queue/?risk=medium&cursor=")
    assert listed(ana)["counts"] == "3"  # of all that waits the number is known
    rest = listed(ana, found["next_url"].partition("/queue/")[2])
    assert (len(rest["rows"]), rest["next_url"], rest["empty"]) == (1, None, None)
    assert "cursor=" in rest["list_url"]
    assert "cursor=" not in rest["queue_url"]


@pytest.mark.parametrize(
    "query", ["", "?risk=medium&sort=age", "?mine=1&q=a%26b", "?team=operations&agent=x"]
)
def test_each_filter_is_a_link_that_sets_it_or_takes_it_back(
    listed: Any, three: list[Any], dora: Any, query: str
) -> None:
    choices = listed(dora, query)["filters"]
    before = Filters.read(QueryDict(query.lstrip("?")).dict())  # type: ignore[arg-type]
    links = [
        (name, choice)
        for group, name in (("teams", "team"), ("risks", "risk"), ("agents", "agent"), ("actions", "action"))
        for choice in choices[group]
    ] + [(choice["name"], choice) for choice in choices["marks"]]
    assert len(links) > 7
    for name, choice in links:
        after = Filters.read(QueryDict(choice["url"].partition("?")[2]).dict())  # type: ignore[arg-type]
        wanted = "" if getattr(before, name) == choice["value"] else choice["value"]
        assert getattr(after, name) == wanted
        assert choice["current"] is (getattr(before, name) == choice["value"])
        others = [other for other in Filters.__annotations__ if other not in (name, "every")]
        assert [getattr(after, other) for other in others] == [getattr(before, other) for other in others]
    assert choices["clear_url"] == "/queue/"


def test_where_a_view_opens_first_everything_is_said_aloud(listed: Any, three: list[Any], ana: Any) -> None:
    saved_views.save("High", filters=Filters(risk="high"), user=ana, opens_first=True)
    found = listed(ana, "?risk=high")
    assert found["filters"]["clear_url"] == "/queue/?every=1"
    assert [link["current"] for link in found["views"]["links"]] == [True]
    assert found["views"]["current"].name == "High"
    high = next(one for one in found["filters"]["risks"] if one["value"] == "high")
    assert (high["current"], high["url"]) == (True, "/queue/?every=1")
    assert listed(ana, "?every=1")["views"]["current"] is None


def test_one_team_alone_is_no_choice(listed: Any, three: list[Any], ana: Any, dora: Any) -> None:
    assert listed(ana)["filters"]["teams"] == []
    assert {one["slug"] for one in listed(dora)["filters"]["teams"]} == set(
        Team.objects.values_list("slug", flat=True)
    )


def test_each_order_is_a_link_and_says_why(listed: Any, ana: Any) -> None:
    orders = listed(ana, "?sort=age&risk=high")["orders"]
    assert [(one["value"], one["current"], one["url"]) for one in orders] == [
        ("priority", False, "/queue/?risk=high"),
        ("deadline", False, "/queue/?risk=high&sort=deadline"),
        ("age", True, "/queue/?risk=high&sort=age"),
    ]
