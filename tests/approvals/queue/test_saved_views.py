from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from approvals.models import SavedView
from approvals.queue import saved_views
from approvals.queue.filters import Filters
from audit.ground.refusals import Invalid
from audit.models import Event
from tests.approvals.desk.test_views import browser, page
from tests.pages import in_one_line

HIGH = Filters(risk="high", sort="deadline")


def save(client: Client, **form: str) -> Any:
    return client.post("/queue/views/", {"query": HIGH.query(), **form})


def test_what_is_shown_now_can_be_named_and_is_a_link_from_then_on(ana: Any, ben: Any) -> None:
    client = browser(ana)

    answer = save(client, name="  Before \n lunch ")

    assert answer["Location"] == "/queue/?risk=high&sort=deadline"
    view = SavedView.objects.get()
    assert (view.user, view.name, view.query, view.opens_first) == (ana, "Before lunch", HIGH.query(), False)
    html = in_one_line(page(client, answer["Location"]))
    assert 'href="/queue/?risk=high&amp;sort=deadline" aria-current="true">Before lunch</a>' in html
    assert "Before lunch" not in page(browser(ben), answer["Location"])
    assert not Event.objects.filter(type__startswith="saved").exists()


def test_the_one_that_opens_first_does_and_everything_is_still_a_click_away(propose: Any, ana: Any) -> None:
    client = browser(ana)
    save(client, name="High", opens_first="on")
    save(client, name="Mine", query="?mine=1", opens_first="on")

    assert [view.name for view in SavedView.objects.filter(opens_first=True)] == ["Mine"]
    assert client.get("/queue/")["Location"] == "/queue/?mine=1"
    html = page(client, "/queue/?mine=1")
    assert 'href="/queue/?every=1"' in html
    proposal = propose()
    assert f"proposal-{proposal.pk}" in page(client, "/queue/?every=1")
    assert page(client, "/queue/", headers={"HX-Request": "true", "HX-Target": "queue"})
    assert page(client, f"/queue/{proposal.pk}/")


def test_a_view_can_be_renamed_put_first_and_deleted(ana: Any) -> None:
    client = browser(ana)
    save(client, name="High")
    view = SavedView.objects.get()

    client.post(f"/queue/views/{view.pk}/", {"do": "save", "name": "Urgent", "opens_first": "on"})
    assert SavedView.objects.values_list("name", "opens_first").get() == ("Urgent", True)
    client.post(f"/queue/views/{view.pk}/", {"do": "save", "name": "Urgent"})
    assert SavedView.objects.values_list("name", "opens_first").get() == ("Urgent", False)
    client.post(f"/queue/views/{view.pk}/", {"do": "delete"})
    assert not SavedView.objects.exists()


def test_nobody_touches_the_views_of_somebody_else(ana: Any, ben: Any) -> None:
    view = saved_views.save("High", filters=HIGH, user=ana)

    assert browser(ben).post(f"/queue/views/{view.pk}/", {"do": "delete"}).status_code == 404
    assert SavedView.objects.get() == view


def test_a_name_is_taken_once_whatever_its_case(ana: Any, ben: Any) -> None:
    saved_views.save("High", filters=HIGH, user=ana)
    saved_views.save("high", filters=Filters(risk="critical"), user=ana)
    other = saved_views.save("Other", filters=HIGH, user=ana)
    saved_views.save("HIGH", filters=HIGH, user=ben)

    assert list(SavedView.objects.filter(user=ana).values_list("name", "query")) == [
        ("Other", HIGH.query()),
        ("high", "?risk=critical"),
    ]
    with pytest.raises(Invalid):
        saved_views.rename(other, "HIGH")


@pytest.mark.parametrize("name", ["", " \n ", "x" * 41])
def test_a_view_needs_a_name_that_fits(ana: Any, name: str) -> None:
    client = browser(ana)

    answer = save(client, name=name)

    assert answer["Location"] == "/queue/" + HIGH.query()
    assert "Name the view" in page(client, answer["Location"])
    assert not SavedView.objects.exists()


def test_there_are_only_so_many(ana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST", 2)
    for name in ("one", "two"):
        saved_views.save(name, filters=HIGH, user=ana)

    saved_views.save("TWO", filters=HIGH, user=ana)
    with pytest.raises(Invalid):
        saved_views.save("three", filters=HIGH, user=ana)


def test_what_is_kept_is_a_query_of_ours_and_nothing_else(ana: Any) -> None:
    client = browser(ana)

    answer = save(
        client, name="<b>x</b>", query="?risk=high&next=//evil.example&sort=nonsense&q=%3Cscript%3E"
    )

    assert answer["Location"] == "/queue/?risk=high&q=%3Cscript%3E&sort=nonsense"
    html = page(client, answer["Location"])
    assert "<b>x</b>" not in html
    assert "There is no order" in html
