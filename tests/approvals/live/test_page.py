"""What one open page is sent: together, in order, and never more than it can take."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from approvals.live.access import NOT_ALLOWED, SIGNED_OUT, Access, Standing, desk_of
from approvals.live.page import MOST_UNSENT, RESYNC, Page


def page() -> Page:
    return Page((1, "session"), Access(frozenset({"operations"})), lambda code: None)


def sent(*doings: Any) -> str:
    """What the page is sent after these, in one message."""

    async def run() -> str:
        one = page()
        for doing in doings:
            doing(one)
        return await asyncio.wait_for(one.next(), 1)

    return asyncio.run(run())


def put(*messages: str) -> Any:
    return lambda one: [one.put(message) for message in messages]


@pytest.mark.parametrize(
    ("doings", "message"),
    [
        ([put("a")], "a"),
        ([put("a", "b", "c")], "abc"),
        ([put("a"), lambda one: one.say("banner")], "bannera"),
        ([lambda one: one.ring("bell"), put("a"), lambda one: one.say("banner")], "bannerbella"),
        ([lambda one: one.say("old"), lambda one: one.say("new")], "new"),
        ([lambda one: one.ring("1"), lambda one: one.ring("2")], "2"),
        ([put(*"x" * MOST_UNSENT)], "x" * MOST_UNSENT),
        ([put(*"x" * (MOST_UNSENT + 1))], RESYNC),
        ([put(*"x" * MOST_UNSENT, "y", "z")], f"{RESYNC}z"),
        ([lambda one: one.say("banner"), put(*"x" * (MOST_UNSENT + 1))], f"banner{RESYNC}"),
    ],
)
def test_everything_that_waits_is_one_message(doings: list[Any], message: str) -> None:
    assert sent(*doings) == message


def test_what_was_sent_is_not_sent_again() -> None:
    async def run() -> str:
        one = page()
        one.put("a")
        one.say("banner")
        await one.next()
        one.put("b")
        return await asyncio.wait_for(one.next(), 1)

    assert asyncio.run(run()) == "b"


def test_a_page_that_has_nothing_waits() -> None:
    async def run() -> bool:
        waiting = asyncio.ensure_future(page().next())
        await asyncio.sleep(0)
        done = waiting.done()
        waiting.cancel()
        return done

    assert asyncio.run(run()) is False


@pytest.mark.parametrize(
    ("access", "teams", "covered"),
    [
        (Access(frozenset()), [], False),
        (Access(frozenset()), ["operations"], False),
        (Access(frozenset({"operations"})), ["finance"], False),
        (Access(frozenset({"operations"})), ["finance", "operations"], True),
        (Access(frozenset(), every=True), ["finance"], True),
        (Access(frozenset(), every=True), [], True),
    ],
)
def test_a_page_is_told_of_what_its_teams_are_asked(access: Access, teams: list[str], covered: bool) -> None:
    assert access.covers(teams) is covered


def test_who_may_not_see_the_desk_is_told_why_its_page_closes() -> None:
    desk = Access(frozenset({"operations"}))
    assert [desk_of(None), desk_of(Standing(None)), desk_of(Standing(desk))] == [
        SIGNED_OUT,
        NOT_ALLOWED,
        desk,
    ]
