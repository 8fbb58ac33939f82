"""A person's notices and addresses: what is not theirs is not there, and what is wrong changes nothing."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import resolve

from approvals.models import Delivery, Here, Message, Notice, Target, Wishes
from approvals.models.kinds import OF_THE_ACCOUNT, Kind
from approvals.telling import bell, seal
from approvals.telling.targets import MOST
from approvals.telling.words import message, said
from audit.models import Event
from governance.models import Risk
from tests.approvals.telling.test_telling import owed, target
from tests.approvals.telling.test_views import FORM, desk
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

__all__ = ["desk"]
PAGE = "/queue/notices/"
ID = UUID(int=7)


def notice_of(person: Any, **fields: Any) -> Notice:
    return Notice.objects.create(
        **{"user": person, "kind": "assigned", "risk": 1, "urgent": False, "team_id": "operations", **fields}
    )


# --- The list -----------------------------------------------------------------------------------------


def test_what_somebody_else_was_told_is_not_there(desk: Client, proposal: Any, ben: Any) -> None:
    theirs = notice_of(ben, proposals=[proposal.pk])
    assert desk.get(f"{PAGE}{theirs.pk}/").status_code == 404
    desk.post(f"{PAGE}read/")
    theirs.refresh_from_db()
    assert theirs.read_at is None


@pytest.mark.parametrize("unknown", [0, 999_999_999, 2**63 - 1, 2**63])
def test_a_notice_that_is_none_is_not_there(desk: Client, unknown: int) -> None:
    assert desk.get(f"{PAGE}{unknown}/").status_code == 404


def test_what_may_be_seen_no_more_is_told_without_its_sentence(desk: Client, proposal: Any, ana: Any) -> None:
    owed(Kind.ASSIGNED, proposal, ana)
    assert "Refund 54.04" in desk.get(PAGE).content.decode()
    ana.teams.clear()
    page = desk.get(PAGE).content.decode()
    assert "was assigned to you" in page
    assert "Refund 54.04" not in page


@pytest.mark.parametrize(("count", "shown"), [(0, "0"), (1, "1"), (99, "99"), (100, "99+"), (101, "99+")])
def test_the_bell_counts_to_a_limit(ana: Any, ben: Any, count: int, shown: str) -> None:
    for person in (ana, ben):
        Notice.objects.bulk_create(
            Notice(user=person, kind="assigned", risk=1, urgent=False, occasion=str(n)) for n in range(count)
        )
    assert bell.drawn(bell.unread(ana))["unread_shown"] == shown


@pytest.mark.parametrize("desk_says", ["", "0", "2", "yes", "1"])
def test_only_a_desk_says_that_it_is_one(desk: Client, ana: Any, desk_says: str) -> None:
    desk.post(f"{PAGE}here/", {"desk": desk_says})
    assert (Here.objects.get(user=ana).desk_at is not None) is (desk_says == "1")


# --- Wishes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"digest_every": ""}, "The digest comes"),
        ({"digest_every": "3"}, "The digest comes"),
        ({"digest_every": "٤"}, "The digest comes"),
        ({"quiet_from": ""}, "is not a time of day"),
        ({"quiet_from": "24:00"}, "is not a time of day"),
        ({"quiet_to": "7:00"}, "is not a time of day"),
        ({"zone": ""}, "is not a time zone"),
        ({"zone": "x" * 65}, "is not a time zone"),
        ({"zone": "Europe/"}, "is not a time zone"),
        ({"day": ["someday"]}, "Choose a day"),
    ],
)
def test_a_wish_that_can_t_be_met_is_said_and_the_old_one_stays(
    desk: Client, ana: Any, changes: dict[str, Any], field: str
) -> None:
    Wishes.objects.create(user=ana, zone="Asia/Tokyo")

    answer = desk.post(f"{PAGE}settings/", {**FORM, **changes})

    assert (answer.status_code, field in html.unescape(answer.content.decode())) == (422, True)
    assert Wishes.objects.get().zone == "Asia/Tokyo"
    assert not Event.objects.filter(type="notice_wishes.changed").exists()


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        (
            {"quiet": "", "quiet_from": "nonsense", "quiet_to": "20:00"},
            {"quiet_days": [], "quiet_from": "19:00"},
        ),
        ({"quiet_to": "24:00"}, {"quiet_to": "24:00"}),
        ({"day": ["wed", "mon", "mon", "x"]}, {"quiet_days": ["mon", "wed"]}),
        ({"digest_every": "1", "digest_at": "nonsense"}, {"digest_every": 1, "digest_at": "08:00"}),
        ({"breaks": "others"}, {"critical_breaks_quiet": False}),
    ],
)
def test_what_is_not_needed_may_be_anything(
    desk: Client, ana: Any, changes: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert desk.post(f"{PAGE}settings/", {**FORM, **changes}).status_code == 302
    assert Wishes.objects.values(*kept).get() == kept
    assert Event.objects.filter(type="notice_wishes.changed").count() == 1


@pytest.mark.parametrize("outside", ["", "never", "OFF", "<b>"])
def test_a_way_that_is_none_is_not_at_all(desk: Client, outside: str) -> None:
    desk.post(f"{PAGE}settings/", {**FORM, "assigned-outside": outside, "assigned-page": ""})
    assert Wishes.objects.get().topics["assigned"] == {"page": False, "browser": False, "outside": "off"}


# --- Addresses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "nonsense",
        "https://",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://[::1]/",
        "\u202e",
    ],
)
def test_what_is_no_address_is_not_kept(desk: Client, address: str) -> None:
    answer = desk.post(f"{PAGE}addresses/", {"address": address, "name": "my <b>phone</b>"})

    assert answer.status_code == 422
    assert "my &lt;b&gt;phone&lt;/b&gt;" in answer.content.decode()
    assert not Target.objects.exists()
    assert not Event.objects.filter(type="notice_target.added").exists()


def test_there_are_only_so_many(desk: Client, ana: Any, settings: Any) -> None:
    settings.NOTICE_ALLOW = ["hooks.example.com:443"]
    for _ in range(MOST):
        target(ana)
    answer = desk.post(f"{PAGE}addresses/", {"address": "https://hooks.example.com/x"})
    assert (answer.status_code, Target.objects.count()) == (422, MOST)
    assert "You have 10 addresses, which is the most." in answer.content.decode()


@pytest.mark.parametrize("verb", ["try", "remove"])
def test_an_address_that_is_none_or_somebody_elses_is_not_there(desk: Client, ben: Any, verb: str) -> None:
    theirs = target(ben)
    for unknown in (uuid4(), theirs.pk):
        assert desk.post(f"{PAGE}addresses/{unknown}/{verb}/").status_code == 404
    assert Target.objects.get() == theirs
    assert not Message.objects.exists()


def test_what_was_removed_meanwhile_is_not_there(desk: Client, ana: Any) -> None:
    mine = target(ana)
    address = f"{PAGE}addresses/{mine.pk}/"
    assert desk.post(f"{address}remove/").status_code == 302
    assert [desk.post(f"{address}{verb}/").status_code for verb in ("remove", "try")] == [404, 404]
    assert Event.objects.filter(type="notice_target.removed").count() == 1


def test_a_test_that_is_on_its_way_is_not_sent_again(desk: Client, ana: Any) -> None:
    mine = target(ana)
    address = f"{PAGE}addresses/{mine.pk}/try/"
    desk.post(address)
    again = desk.post(address, follow=True)
    assert "A test is on its way. Wait until it has arrived or failed." in html.unescape(
        again.content.decode()
    )
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)

    Delivery.objects.update(status="given_up")
    desk.post(address)
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize("path", ["settings/", "addresses/", "read/", "here/", f"addresses/{ID}/try/"])
def test_who_is_signed_out_changes_nothing(db: None, path: str) -> None:
    answer = Client().post(f"{PAGE}{path}", FORM)
    assert answer["Location"].startswith("/accounts/login/")
    assert Client().post(f"{PAGE}{path}", headers={"HX-Request": "true"}).status_code == 401
    assert not Wishes.objects.exists()


# --- Our words alone --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("count", [1, 2, 12_345])
def test_every_kind_is_a_sentence_and_leads_somewhere(kind: Kind, count: int) -> None:
    line = said(
        kind, team="Operations", team_slug="operations", risk=2, urgent=True, count=count, proposals=[ID]
    )

    assert line.text[:1].isupper() or line.text[:1].isdigit()
    assert "{" not in line.text
    assert not line.text.endswith(".")
    of_proposals = kind not in {*OF_THE_ACCOUNT, Kind.INCIDENT, Kind.PAUSED}
    assert ("12,345" in line.text) is (count == 12_345 and of_proposals)
    assert ("risk" in line.text) is of_proposals
    assert resolve(line.path.partition("?")[0])


@pytest.mark.parametrize(
    ("count", "urgent", "team", "proposals", "text", "path"),
    [
        (1, False, "operations", [ID], "1 new proposal for Ops, low risk", f"/queue/{ID}/"),
        (1, True, "operations", [], "1 new proposal for Ops, low risk", "/queue/?team=operations"),
        (
            2,
            True,
            "operations",
            [ID, ID],
            "2 new proposals for Ops, high or critical risk",
            "/queue/?team=operations",
        ),
        (1_000, False, "", [ID], "1,000 new proposals for Ops", "/queue/"),
    ],
)
def test_a_line_says_how_many_and_how_risky(
    count: int, urgent: bool, team: str, proposals: list[UUID], text: str, path: str
) -> None:
    line = said(
        Kind.NEW, team="Ops", team_slug=team, risk=Risk.LOW, urgent=urgent, count=count, proposals=proposals
    )
    assert (line.text, line.path) == (text, path)


@pytest.mark.parametrize(("lines", "title"), [(1, ""), (2, ", and 1 more"), (12, ", and 11 more")])
def test_a_message_begins_with_the_weightiest(lines: int, title: str) -> None:
    one = said(Kind.CHECK, team="Ops", team_slug="ops", risk=1, urgent=False, count=2, proposals=[])
    head, body = message([one] * lines)
    assert head == f"reviewapp: 2 things for Ops passed by themselves and are to be checked{title}"
    assert body.count("/queue/check/") == lines
    assert body.endswith("/queue/notices/settings/")


@pytest.mark.parametrize("address", ["https://hooks.example.com/s3cret", "", "ключ ☃ \u202e", "x" * 5_000])
def test_an_address_is_sealed_and_opened_again(address: str, settings: Any) -> None:
    token = seal.sealed(address)
    assert seal.opened(token) == address
    assert seal.sealed(address) != token
    settings.SECRET_KEY = "another"
    with pytest.raises(seal.Unreadable):
        seal.opened(token)
    for broken in (b"", b"x", token[:-1] + b"\x00"):
        with pytest.raises(seal.Unreadable):
            seal.opened(broken)


def test_a_long_ago_notice_is_still_read_once(desk: Client, ana: Any) -> None:
    old = notice_of(ana, at=datetime(2000, 1, 1, tzinfo=UTC))
    desk.get(f"{PAGE}{old.pk}/")
    old.refresh_from_db()
    first = old.read_at
    desk.get(f"{PAGE}{old.pk}/")
    old.refresh_from_db()
    assert first is not None
    assert old.read_at == first
