"""What is wanted of the history, as an address says it: read, refused in words, and kept."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.history import read
from approvals.history.read import LONGEST, Filters, Position
from audit.ground.refusals import Invalid
from audit.models import Event
from suggestions.models import RejectedAction, Resolution
from tests.approvals.deciding.test_decide import reject
from tests.approvals.desk.test_views import browser
from tests.conftest import suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

TEXTS = st.sampled_from(["", " a ", "&=?#", "ä☃", "\u202e", "x" * 300, "%00"]) | st.text(max_size=5)
NAMES = list(Filters.__annotations__)
ID = UUID(int=7)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from([*NAMES, "cursor", "nonsense"]), TEXTS))
def test_what_an_address_says_is_what_is_read_from_it(asked: dict[str, str]) -> None:
    filters = Filters.read(asked)
    assert Filters.read(QueryDict(filters.query().lstrip("?")).dict()) == filters  # type: ignore[arg-type]
    assert filters.active == bool(filters.query())
    assert all(len(value) <= LONGEST for value in vars(filters).values())


@settings(max_examples=30)
@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_leads_back_to_its_place(at: datetime, id: UUID) -> None:
    assert Position.read(Position(at, id).as_cursor()) == Position(at, id)


@pytest.mark.parametrize(
    "text",
    [f"2026-01-01T00:00:00|{ID}", f"yesterday|{ID}", "2026-01-01T00:00:00Z|", f"|{ID}", f"a|b|{ID}", "", "☃"],
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    cursor = base64.urlsafe_b64encode(text.encode()).decode()
    for sent in (cursor, cursor.rstrip("="), text):
        with pytest.raises(Invalid):
            Position.read(sent)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("outcome", "pending"),
        ("outcome", "APPROVED"),
        ("by", "nobody"),
        ("reviewer", "Ana"),
        ("reviewer", "' OR 1=1"),
        ("agent", "Support-Bot"),
        ("risk", "0"),
        ("risk", "High"),
        ("since", "1767225600000"),
        ("since", "2026-13-01"),
        ("since", "yesterday"),
        ("until", "2026-02-30T00:00"),
        ("until", "9999-12-31T23:59:59-23:59"),
        ("until", "0001-01-01T00:00+14:00"),
    ],
)
def test_what_is_wrong_is_said_with_its_name_and_exports_nothing(ana: Any, name: str, value: str) -> None:
    client = browser(ana)

    answer = client.get("/queue/history/", {name: value})
    export = client.get("/queue/history/export/", {name: value})

    assert (answer.status_code, export.status_code) == (400, 400)
    assert 'role="alert"' in answer.content.decode()
    assert not Event.objects.filter(type="history.exported").exists()


@pytest.mark.parametrize(
    ("filters", "there"),
    [
        ({"since": "2026-06-01T12:00:00"}, True),
        ({"since": "2026-06-01T12:00:00.000001"}, False),
        ({"until": "2026-06-01T12:00:00Z"}, False),
        ({"until": "2026-06-01T12:00:00.000001Z"}, True),
        ({"since": "2026-06-01T14:00:00+02:00"}, True),
        ({"since": "2026-06-01"}, True),
        ({"until": "2026-06-01"}, False),
        ({"since": "2026-06-02", "until": "2026-06-01"}, False),
    ],
)
def test_a_span_has_its_beginning_and_not_its_end(
    proposal: Any, ana: Any, filters: dict[str, str], there: bool
) -> None:
    reject(proposal, ana)
    Resolution.objects.update(at=datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert read.page(read.ready(Filters(**filters), ana)).ids == ([proposal.pk] if there else [])


@pytest.mark.parametrize(
    "asked",
    [
        {"q": str(ID)},
        {"q": "customer customer-19122"},
        {"q": "customer-19122"},
        {"outcome": "rejected"},
        {"reviewer": "ana"},
        {"action": "refund_payment"},
        {"team": "operations", "risk": "medium", "by": "human"},
    ],
)
def test_one_filter_more_never_finds_more(propose: Any, ana: Any, ben: Any, asked: dict[str, str]) -> None:
    for n, who in enumerate([ana, ben]):
        reject(propose(suggestions=[suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})]), who)
    everything = read.page(read.ready(Filters(), ana)).ids
    found = read.page(read.ready(Filters(**asked), ana)).ids
    for name, value in {"agent": "support-bot", "since": "2020-01-01", "outcome": "rejected"}.items():
        narrower = read.page(read.ready(Filters(**{**asked, name: value}), ana)).ids
        assert narrower == [one for one in found if one in narrower]
    assert found == [one for one in everything if one in found]


def test_how_long_it_took_is_told_about(propose: Any, ana: Any) -> None:
    told = {
        0: "0 s",
        59: "59 s",
        60: "1 min",
        3_599: "59 min 59 s",
        3_600: "1 h",
        86_399: "23 h 59 min",
        86_400: "1 d",
        90 * 86_400 + 7_200: "90 d 2 h",
    }
    for seconds in told:
        proposal = propose(subject={"type": "customer", "id": f"after {seconds}"})
        reject(proposal, ana)
        at = proposal.created_at + timedelta(seconds=seconds)
        Resolution.objects.filter(proposal=proposal).update(at=at)
        RejectedAction.objects.all().delete()  # so that the like of it may be asked again

    html = browser(ana).get("/queue/history/").content.decode()

    cells = [one.strip() for one in re.findall(r'data-label="Took"[^>]*>([^<]*)<', html)]
    assert cells == [told[seconds] for seconds in sorted(told, reverse=True)]


@pytest.mark.parametrize("address", ["/queue/history/", "/queue/history/export/"])
def test_it_can_only_be_read(ana: Any, address: str) -> None:
    assert browser(ana).post(address).status_code == 405
    ana.groups.clear()
    assert browser(ana).get(address).status_code == 403
