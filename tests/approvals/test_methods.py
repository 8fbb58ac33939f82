"""Each page answers to the methods it has, and to no other; where it has none, nothing happens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from audit.models import Event
from governance.models import StandingApproval
from tests.approvals.deciding.test_decide import approve
from tests.approvals.desk.test_views import browser
from tests.reviewapp.web.test_access import LOGIN, PAGES, routes
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

ROOMS = ("approvals:", "standing:", "checks:", "figures:", "insights:", "simulator")
# Forms that are sent to the address that shows them, and have no line of their own in the table of who may.
SENT_TO_ITSELF = {("approvals:standing", "POST"), ("simulator", "POST")}
DUMMIES = {"int": 7, "uuid": UUID(int=7), "slug": "nobody", "str": "nothing"}


def address(route: str) -> str:
    """Of something that is not there: what is refused for its method is refused before it is looked for."""
    converters = routes()[route].pattern.converters
    kinds = {
        name: type(converter).__name__.removesuffix("Converter").lower()
        for name, converter in converters.items()
    }
    return reverse(route, kwargs={name: DUMMIES.get(kind, "nothing") for name, kind in kinds.items()})


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_page_has_no_method_for_is_refused(room: str, ana: Any) -> None:
    ana.groups.set(Group.objects.all())  # so that no door is shut before
    client = browser(ana)
    before = Event.objects.count()
    asked = sorted({route for route, _ in PAGES if route.startswith(room)})
    assert asked

    answers = {
        (route, method): client.generic(method, address(route)).status_code
        for route in asked
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if (route, method) not in {*PAGES, *SENT_TO_ITSELF}
    }

    assert {asked: status for asked, status in answers.items() if status != 405} == {}
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    ("caller", "drafting", "simulating"),
    [
        ("nobody", LOGIN, LOGIN),
        ("ana", 422, 200),  # what she sends is no bound
        ("cyd", 404, 200),
        ("dora", 403, 200),
        ("olga", 403, 200),
    ],
)
def test_who_may_send_what_is_sent_to_its_own_address(
    request: pytest.FixtureRequest, proposal: Any, ben: Any, caller: str, drafting: Any, simulating: Any
) -> None:
    approve(proposal, ben)
    client = browser(request.getfixturevalue(caller)) if caller != "nobody" else Client()

    sent = {
        reverse("approvals:standing", args=[proposal.pk]): {"days": "soon"},
        reverse("simulator"): {"proposal": ""},
    }
    answers = [client.post(address, form) for address, form in sent.items()]

    told = [
        LOGIN if one.headers.get("Location", "").startswith("/accounts/") else one.status_code
        for one in answers
    ]
    assert told == [drafting, simulating]
    assert not StandingApproval.objects.exists()
