"""Pages are compressed for whoever can read it, except where their length could give a secret away."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from django.test import Client

from audit.ground.actors import SYSTEM
from governance.door.keys import issue_token
from reviewapp.templates import unindented
from tests.approvals.desk.test_views import browser, part

GZIP = {"Accept-Encoding": "gzip, br"}


def got(client: Client, address: str, **headers: str) -> Any:
    answer = client.get(address, headers={**GZIP, **headers})
    assert answer.status_code == 200
    return answer


def test_a_page_is_compressed_for_whoever_can_read_it(proposal: Any, ana: Any) -> None:
    client = browser(ana)
    answer = got(client, "/queue/")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert len(answer.content) == int(answer.headers["Content-Length"]) < 15_000
    assert str(proposal.pk) in gzip.decompress(answer.content).decode()
    plain = client.get("/queue/")
    assert "Content-Encoding" not in plain.headers
    assert len(answer.content) < len(plain.content) / 3


def test_a_part_of_a_page_is_too(proposal: Any, ana: Any) -> None:
    answer = got(browser(ana), f"/queue/{proposal.pk}/", **part("detail"))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.content) < 10_000


def test_the_same_page_is_of_another_length_each_time(proposal: Any, ana: Any) -> None:
    client = browser(ana)
    assert len({len(got(client, "/queue/").content) for _ in range(8)}) > 2


@pytest.mark.parametrize("path", ["/accounts/security/", "/accounts/tokens/", "/accounts/password/change/"])
def test_pages_of_an_account_are_not(ana: Any, path: str) -> None:
    assert "Content-Encoding" not in got(browser(ana), path).headers


def test_what_streams_is_not(proposal: Any, ana: Any) -> None:
    answer = got(browser(ana), "/queue/history/export/")
    assert answer.streaming
    assert "Content-Encoding" not in answer.headers


def test_answers_of_the_api_are_not(proposal: Any, ana: Any) -> None:
    token = issue_token(ana, actor=SYSTEM)
    answer = got(Client(), "/api/v1/proposals/", Authorization=f"Bearer {token}")
    assert "Content-Encoding" not in answer.headers


# --- How templates are indented -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (
            "<ul>\n  <li\n    class='a'>\n\t{{ one }}\n  </li>\n</ul>",
            "<ul>\n<li\nclass='a'>\n{{ one }}\n</li>\n</ul>",
        ),
        ("  <p>a  b</p>\n\n  <p>", "  <p>a  b</p>\n\n<p>"),
        (
            "<p>\n  <pre>a\n  b</pre>\n  <pre\n  class='x'>c\n d</pre>",
            "<p>\n<pre>a\n  b</pre>\n<pre\n  class='x'>c\n d</pre>",
        ),
        (
            "<p>\n  {% if a %}\n    {% for b in c %}\n    b\n    {% endfor %}\n  {% endif %}\n</p>",
            "<p>\n{% if a %}{% for b in c %}b\n{% endfor %}{% endif %}</p>",
        ),
        ("<p>{% if a %}\n  b{% endif %}\n</p>", "<p>{% if a %}\nb{% endif %}\n</p>"),
        ("{% if a %}\n  <b>\n{% endif %}", "{% if a %}\n<b>\n{% endif %}"),
        ("<p>\n  {% include 'a' %}\n  {{ b }}\n</p>", "<p>\n{% include 'a' %}\n{{ b }}\n</p>"),
        ("<p>\n  {% if a %}b{% endif %}\n</p>", "<p>\n{% if a %}b{% endif %}\n</p>"),
    ],
)
def test_templates_are_sent_without_their_layout(written: str, sent: str) -> None:
    assert unindented(written) == sent


def test_values_keep_theirs(propose: Any, ana: Any) -> None:
    proposal = propose(summary="First\n    second")
    assert "First\n    second" in browser(ana).get(f"/queue/{proposal.pk}/").content.decode()
