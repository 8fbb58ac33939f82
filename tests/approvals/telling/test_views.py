"""A person's pages of notices: theirs alone, without a script, and no secret in them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from approvals.attention import looks, presence
from approvals.models import Here, Notice, Target, Wishes
from approvals.models.kinds import TOPICS
from approvals.telling import bell
from audit.models import Event
from tests.approvals.telling.test_telling import owed, target
from tests.pages import in_one_line

FORM = {
    **{f"{topic.name}-page": "on" for topic in TOPICS},
    **{f"{topic.name}-outside": "off" for topic in TOPICS},
    "new_urgent-browser": "on",
    "new_urgent-outside": "at_once",
    "digest_every": "24",
    "digest_at": "07:30",
    "zone": "Europe/Berlin",
    "quiet": "on",
    "day": ["sun", "mon"],
    "quiet_from": "20:00",
    "quiet_to": "06:00",
    "breaks": "critical",
}


@pytest.fixture
def desk(ana: Any) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def test_the_list_has_what_this_person_was_told(desk: Client, proposal: Any, ana: Any, ben: Any) -> None:
    owed("assigned", proposal, ana)  # type: ignore[arg-type]
    owed("reminder", proposal, ben)  # type: ignore[arg-type]
    page = desk.get("/queue/notices/").content.decode()

    assert "A proposal for Operations was assigned to you, medium risk" in page
    assert "due soon" not in page
    assert "<span data-bell-number>1</span>" in page
    assert "kettle" not in page


def test_what_one_opens_or_looks_at_is_read(desk: Client, propose: Any, ana: Any) -> None:
    first, second, third = propose(), propose(), propose()
    for proposal in (first, second, third):
        owed("assigned", proposal, ana)  # type: ignore[arg-type]
    assert bell.unread(ana) == 3
    opened = desk.get(f"/queue/notices/{Notice.objects.get(proposals=[first.pk]).pk}/")
    looks.look(second.pk, user=ana, seconds=3)

    assert opened["Location"] == f"/queue/{first.pk}/"
    assert bell.unread(ana) == 1
    desk.post("/queue/notices/read/")
    assert bell.unread(ana) == 0


def test_a_page_in_the_foreground_says_so_and_hears_the_number(desk: Client, proposal: Any, ana: Any) -> None:
    owed("assigned", proposal, ana)  # type: ignore[arg-type]
    answer = desk.post("/queue/notices/here/", {"desk": "0"})
    assert answer.json() == {"unread": 1, "unread_shown": "1"}
    assert Here.objects.get().desk_at is None
    desk.post("/queue/notices/here/", {"desk": "1"})
    first = Here.objects.get().desk_at
    desk.post("/queue/notices/here/", {"desk": "0"})

    assert first is not None
    assert Here.objects.get().desk_at == first


def test_wishes_are_kept_as_the_form_says(desk: Client, ana: Any) -> None:
    answer = desk.post("/queue/notices/settings/", FORM)

    assert answer.status_code == 302
    wishes = Wishes.objects.get()
    assert wishes.of_topic("new_urgent").__dict__ == {"page": True, "browser": True, "outside": "at_once"}
    assert wishes.of_topic("assigned").__dict__ == {"page": True, "browser": False, "outside": "off"}
    assert (wishes.digest_every, wishes.digest_at, wishes.zone) == (24, "07:30", "Europe/Berlin")
    assert (wishes.quiet_days, wishes.quiet_from, wishes.quiet_to) == (["mon", "sun"], "20:00", "06:00")
    assert wishes.critical_breaks_quiet
    assert Event.objects.filter(type="notice_wishes.changed").count() == 1
    page = in_one_line(desk.get("/queue/notices/settings/").content.decode())
    assert 'name="zone" value="Europe/Berlin"' in page


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("zone", "Middle/Earth", "is not a time zone"),
        ("zone", "../../etc/passwd", "is not a time zone"),
        ("quiet_from", "25:00", "is not a time of day"),
        ("quiet_to", "20:00", "They end when they begin"),
        ("digest_at", "soon", "is not a time of day"),
        ("day", [], "Choose a day"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(desk: Client, field: str, value: Any, said: str) -> None:
    answer = desk.post("/queue/notices/settings/", {**FORM, field: value})

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Wishes.objects.exists()


def test_an_address_is_never_shown_again_and_is_its_owners_alone(
    desk: Client, ana: Any, olga: Any, settings: Any
) -> None:
    settings.NOTICE_ALLOW = ["hooks.example.com:443"]
    desk.post("/queue/notices/addresses/", {"address": "https://hooks.example.com/s3cret", "name": "phone"})
    mine = Target.objects.get()
    olga.is_staff = True  # she may look at raw rows in the admin
    olga.save()
    operator = Client()
    operator.force_login(olga)

    page = desk.get("/queue/notices/settings/").content.decode()
    assert "hooks.example.com" in page
    assert "s3cret" not in page
    theirs = operator.get("/queue/notices/settings/").content.decode()
    assert "hooks.example.com" not in theirs
    assert operator.post(f"/queue/notices/addresses/{mine.pk}/remove/").status_code == 404
    assert operator.get("/admin/approvals/target/").status_code == 404
    assert desk.post(f"/queue/notices/addresses/{mine.pk}/remove/").status_code == 302
    assert not Target.objects.exists()


def test_an_address_that_is_refused_is_not_shown_again_either(desk: Client) -> None:
    answer = desk.post("/queue/notices/addresses/", {"address": "https://hooks.example.com/s3cret"})

    assert answer.status_code == 422
    assert "hooks.example.com is not among the hosts" in answer.content.decode()
    assert "s3cret" not in answer.content.decode()


def test_what_a_topic_means_stands_apart_from_its_name(desk: Client) -> None:
    page = in_one_line(desk.get("/queue/notices/settings/").content.decode())
    assert "Waits for a second person <small>Somebody approved" in page


def test_a_broken_address_says_so(desk: Client, ana: Any) -> None:
    target(ana, failures=3, last_error="It answered 403.")

    assert "It answered 403." in desk.get("/queue/notices/settings/").content.decode()


def test_a_browser_is_told_only_while_nothing_of_ours_is_before_the_person(proposal: Any, ana: Any) -> None:
    owed("assigned", proposal, ana)  # type: ignore[arg-type]
    notice = Notice.objects.get()

    news = bell.news_of([ana.pk], {})[ana.pk]
    assert (news.unread, news.mark, news.path) == (1, notice.pk, f"/queue/{proposal.pk}/")
    assert news.text == "A proposal for Operations was assigned to you, medium risk"
    assert not bell.news_of([ana.pk], {ana.pk: notice.pk})[ana.pk].text
    presence.beat(ana, desk=False)
    assert not bell.news_of([ana.pk], {})[ana.pk].text


def test_a_browser_is_told_nothing_in_quiet_hours(proposal: Any, ana: Any) -> None:
    every = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    Wishes.objects.create(user=ana, quiet_days=every, quiet_from="00:00", quiet_to="24:00")
    owed("assigned", proposal, ana)  # type: ignore[arg-type]

    assert bell.news_of([ana.pk], {})[ana.pk] == bell.News(1)
