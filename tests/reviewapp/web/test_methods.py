"""An address that is asked by another method than its own says which those are, and changes nothing."""

from __future__ import annotations

from typing import Any

from tests.database import taken_back
from tests.reviewapp.web.test_access import (
    API,
    CALLERS,
    PAGES,
    World,
    address,
    settled,  # noqa: F401 - a fixture
    world,  # noqa: F401 - a fixture
)
from tests.reviewapp.web.test_nonsense import people_for, send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The pages of the sign-in library take a form wherever they show one, and what they refuse is not here.
OF_ALLAUTH = ("account_", "mfa_")
# Beside what the table has a line for: a question by POST, and a form that is sent to where it was asked for.
ALSO = {("simulator", "POST"), ("approvals:standing", "POST")}


def others(table: Any, methods: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each address with each of these methods that it does not answer to."""
    known = {*table, *ALSO}
    routes = sorted({route for route, _ in table if not route.startswith(OF_ALLAUTH)})
    return [(route, method) for route in routes for method in methods if (route, method) not in known]


def test_a_page_that_is_asked_by_another_method_says_so(world: World) -> None:  # noqa: F811
    before, wrong = world.state(), {}
    visitors = {person: world.visitor(person) for person in world.people}
    for route, method in others(PAGES, ("POST", "DELETE")):  # of GET the table's own test says the same
        posts = (route, "POST") in PAGES
        client = visitors[people_for(route, "POST" if posts else "GET")[0]]
        with taken_back():
            answer = client.generic(method, address(route, world), "reason=no")
            found = (answer.status_code, method in answer.get("Allow", method), world.state() - before)
        if found != (405, False, 0):
            wrong[route, method] = found

    assert wrong == {}


def test_a_call_by_another_method_is_a_problem_that_names_the_right_ones(world: World) -> None:  # noqa: F811
    before, wrong = world.state(), {}
    for route, method in others(API, METHODS):
        answer = send(world, who_may_most(route), method, address(route, world), "{}")
        body = answer.json()
        found = (body["status"], body["type"], method in answer["Allow"], world.state() - before)
        if found != (405, "urn:reviewapp:problem:method-not-allowed", False, 0):
            wrong[route, method] = found

    assert wrong == {}


def who_may_most(route: str) -> str:
    """Somebody whom no method of this address refuses, or else as few as possible."""
    lines = [line for (name, _), line in API.items() if name == route]
    done = {caller: sum(line[CALLERS.index(caller)] < 300 for line in lines) for caller in CALLERS}
    return max(CALLERS, key=lambda caller: (done[caller], caller == "olga"))


def test_a_stranger_is_asked_to_sign_in_whatever_the_method(world: World) -> None:  # noqa: F811
    """And learns by no method what an address answers to."""
    wrong = {}
    for route in sorted({route for route, _ in API}):
        for method in METHODS:
            answer = world.visitor("nobody").generic(
                method, address(route, world), "{}", content_type="application/json"
            )
            if (answer.status_code, answer["Content-Type"]) != (401, "application/problem+json"):
                wrong[route, method] = answer.status_code

    assert wrong == {}
