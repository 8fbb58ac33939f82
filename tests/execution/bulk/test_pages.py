"""The pages of bulk retries: a form that says what it would do, and what came of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from execution.bulk import turn
from execution.models import BulkRetry
from tests.execution.bulk.conftest import asked_by, later
from tests.pages import in_one_line

pytestmark = pytest.mark.django_db
NEW = "/executions/bulk-retries/new/"


def page_of(client: Any, path: str) -> str:
    return in_one_line(client.get(path).content.decode())


def form_of(html: str) -> dict[str, str]:
    start = html[html.index("retry-start") :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', start))


def test_the_page_says_what_it_would_do_and_does_it(failed: Any, client: Any, olga: Any) -> None:
    for _ in range(2):
        failed()
    failed(outcome="unknown")
    client.force_login(olga)
    assert "Retry many…" in page_of(client, "/executions/?status=needs_attention")
    assert "Retry many…" not in page_of(client, "/executions/")

    shown = page_of(client, f"{NEW}?rate=30")
    assert "2 would be retried, in about 4 s" in shown
    assert "1 left out: an attempt may have taken effect" in shown
    failed()  # nobody was told of this one
    form = form_of(shown)
    answers = [client.post(NEW, {**form, "reason": "It is <b>up</b>."}) for _ in range(2)]

    bulk = BulkRetry.objects.get()
    assert (bulk.total, bulk.rate) == (2, 30)
    assert [one["Location"] for one in answers] == [f"/executions/bulk-retries/{bulk.pk}/"] * 2
    page = page_of(client, answers[0]["Location"])
    assert "0 of 2 retried" in page
    assert "It is &lt;b&gt;up&lt;/b&gt;." in page
    assert client.get(f"/executions/bulk-retries/{bulk.pk}/progress/").status_code == 200
    turn.retry_due()
    later(bulk, 60)
    turn.retry_due()
    assert client.get(f"/executions/bulk-retries/{bulk.pk}/progress/")["HX-Refresh"] == "true"
    assert ">2 of 2<" in page_of(client, "/executions/bulk-retries/")


def test_who_comes_second_is_shown_what_runs(failed: Any, client: Any, olga: Any, pia: Any) -> None:
    failed()
    client.force_login(pia)
    form = form_of(page_of(client, NEW))
    bulk = asked_by(olga)

    answer = client.post(NEW, {**form, "reason": "x"}, follow=True)

    assert answer.redirect_chain[0][0] == f"/executions/bulk-retries/{bulk.pk}/"
    assert "Olga has started the same, and it runs." in answer.content.decode()
    assert BulkRetry.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"rate": "0"}, "A whole number from 1 to 600."),
        ({"since": "yesterday"}, "A time looks like"),
        ({"agent": "nobody"}, "There is no agent nobody."),
        ({"reason": " "}, "Say why: others will read it."),
    ],
)
def test_what_is_wrong_is_told_and_nothing_starts(
    typed: dict[str, str], said: str, failed: Any, client: Any, olga: Any
) -> None:
    failed()
    client.force_login(olga)
    answer = client.post(NEW, {"reason": "fine", **typed})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert (answer.context["would"] is None) == ("reason" not in typed)
    assert not BulkRetry.objects.exists()


def test_a_reason_is_asked_for_before_it_stops(failed: Any, client: Any, olga: Any) -> None:
    failed()
    bulk = asked_by(olga)
    client.force_login(olga)
    path = f"/executions/bulk-retries/{bulk.pk}/"
    for reason, status in [("", "running"), ("Not yet.", "stopped")]:
        client.post(f"{path}stop/", {"reason": reason})
        bulk.refresh_from_db()
        assert bulk.status == status
    assert 'Stopped by <bdi>Olga</bdi>: <bdi class="whole">Not yet.' in page_of(client, path)
    client.post(f"{path}go-on/", {"reason": "Now."})
    assert 'let it go on: <bdi class="whole">Now.' in page_of(client, path)


def test_pages_ask_as_much_however_many_there_are(
    failed: Any, client: Any, olga: Any, django_assert_num_queries: Any
) -> None:
    client.force_login(olga)
    paths = [NEW, "/executions/bulk-retries/"]

    def add() -> BulkRetry:
        failed(idempotent=True)
        return asked_by(olga, reason="x")

    first = add()
    paths.append(f"/executions/bulk-retries/{first.pk}/")
    counts = []
    for path in paths:
        client.get(path)
        with CaptureQueriesContext(connection) as asked:
            client.get(path)
        counts.append(len(asked))
    for _ in range(11):
        BulkRetry.objects.filter(status="running").update(status="done")
        add()
    for path, count in zip(paths, counts, strict=True):
        with django_assert_num_queries(count):
            client.get(path)
