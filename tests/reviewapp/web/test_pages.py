from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import path

from audit.models import Event
from reviewapp.urls import urlpatterns as real_urls
from reviewapp.web import pages
from tests.queries import counted, statements
from tests.sealed import seal_all


def broken(request: Any) -> None:
    raise RuntimeError("a secret of ours")


urlpatterns = [*real_urls, path("broken/", broken), path("api/v1/broken/", broken)]
handler500 = pages.server_error


def browser(user: Any = None, **extra: Any) -> Client:
    client = Client(raise_request_exception=False, **extra)
    if user is not None:
        client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("who", "where"), [("ana", "/queue/"), ("dora", "/audit/"), ("olga", "/executions/")]
)
def test_everybody_begins_where_their_work_is(request: Any, who: str, where: str) -> None:
    assert browser(request.getfixturevalue(who)).get("/")["Location"] == where


def test_who_has_no_role_is_told_so(ana: Any) -> None:
    ana.groups.clear()
    assert browser(ana).get("/").status_code == 403


@pytest.mark.parametrize(
    ("who", "labels"),
    [
        ("ana", ["Queue", "History", "Executions", "Incidents", "Governance"]),
        ("dora", ["Queue", "History", "Executions", "Incidents", "Governance", "Audit"]),
        ("olga", ["Queue", "History", "Executions", "Incidents", "Governance", "Audit"]),
    ],
)
def test_the_way_around_holds_what_a_role_may_see(request: Any, who: str, labels: list[str]) -> None:
    context = browser(request.getfixturevalue(who)).get("/executions/").context
    assert [place["label"] for place in context["navigation"]] == labels
    assert [place["label"] for place in context["navigation"] if place["current"]] == ["Executions"]
    assert context["display_name"] == who.capitalize()


def test_a_silent_worker_is_said_on_every_page(ana: Any) -> None:
    from execution.running import heartbeats

    assert b"The worker has not said anything yet." in browser(ana).get("/queue/").content
    heartbeats.beat("worker")
    heartbeats.beat("beat")
    assert b"has not said anything" not in browser(ana).get("/queue/").content


def test_a_refused_page_is_an_event(ana: Any) -> None:
    answer = browser(ana).get("/audit/", headers={"X-Request-ID": "abc"})

    assert answer.status_code == 403
    assert "text/html" in answer["Content-Type"]
    [event] = Event.objects.all()
    body = json.loads(event.body)
    assert (body["type"], body["actor"]["name"]) == ("request.refused", "Ana")
    assert body["data"] == {"status": 403, "method": "GET", "route": "audit/", "request": "abc"}


def test_an_old_form_is_refused_in_words(ana: Any) -> None:
    client = browser(ana, enforce_csrf_checks=True)
    answer = client.post("/accounts/logout/")
    assert (answer.status_code, b"too old" in answer.content) == (403, True)
    assert client.get("/queue/").status_code == 200


@pytest.mark.parametrize(
    ("address", "kind"), [("/nowhere/", "text/html"), ("/api/v1/nowhere/", "application/problem+json")]
)
def test_what_is_not_there_is_said_in_the_callers_words(db: None, address: str, kind: str) -> None:
    answer = browser().get(address)
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (404, kind)


@override_settings(ROOT_URLCONF="tests.reviewapp.web.test_pages")
@pytest.mark.parametrize(
    ("address", "kind"), [("/broken/", "text/html"), ("/api/v1/broken/", "application/problem+json")]
)
def test_a_failure_tells_nothing_of_the_inside(db: None, address: str, kind: str, caplog: Any) -> None:
    answer = browser().get(address)
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (500, kind)
    assert b"secret" not in answer.content
    assert b"RuntimeError" not in answer.content


def test_the_frame_costs_the_same_however_much_there_is(ana: Any, propose: Any) -> None:
    client = browser(ana)
    client.get("/executions/")
    assert statements(lambda: client.get("/executions/")) == 7


# --- The auditor's and the operator's pages -------------------------------------------------------


def test_the_auditor_sees_filters_and_leaves_through_the_log(dora: Any, proposal: Any) -> None:
    client = browser(dora)
    seal_all()

    page = client.get("/audit/", {"type": "proposal.", "actor": "support-bot"})

    assert page.status_code == 200
    [event] = page.context["events"]
    assert (event["type"], event["actor"], event["proposal_url"]) == (
        "proposal.submitted",
        "support-bot",
        f"/queue/{proposal.pk}/",
    )
    assert "".join(piece.text for piece in event["body"]) == Event.objects.get(type="proposal.submitted").body
    assert page.context["export_csv_url"] == "/audit/export/?format=csv&type=proposal.&actor=support-bot"
    exported = b"".join(client.get(page.context["export_jsonl_url"].replace("csv", "jsonl")))
    assert exported.decode() == Event.objects.get(type="proposal.submitted").body + "\n"


def test_the_auditor_leafs_in_both_directions(dora: Any) -> None:
    from django.db import transaction

    from audit.ground.actors import SYSTEM
    from audit.log.record import record

    with transaction.atomic():
        for number in range(120):
            record(
                "notice_target.tried", actor=SYSTEM, data={"target": "", "user": str(number), "service": ""}
            )
    client = browser(dora)

    def numbers(page: Any) -> list[int]:
        return [
            int(json.loads("".join(p.text for p in e["body"]))["data"]["user"])
            for e in page.context["events"]
        ]

    first = client.get("/audit/?type=notice_target.")
    second = client.get(f"/audit/{first.context['next_url']}")
    third = client.get(f"/audit/{second.context['next_url']}")
    back = client.get(f"/audit/{third.context['previous_url']}")

    assert (numbers(first), numbers(second)) == (list(range(119, 69, -1)), list(range(69, 19, -1)))
    assert (numbers(third), numbers(back)) == (list(range(19, -1, -1)), numbers(second))
    assert (first.context["previous_url"], third.context["next_url"]) == ("", "")
    assert back.context["previous_url"] != ""


@pytest.mark.parametrize(
    "query", ["since=never", "type=A", "proposal=1", "before=x", "after=-1", "after=nan"]
)
def test_a_filter_that_means_nothing_is_said_on_the_page(dora: Any, query: str) -> None:
    page = browser(dora).get(f"/audit/?{query}")
    assert page.status_code == 400
    assert query.partition("=")[0] in page.context["filter_error"]


def test_text_in_the_log_is_shown_as_text(dora: Any) -> None:
    from django.db import transaction

    from audit.ground.actors import Actor
    from audit.log.record import record

    with transaction.atomic():
        data = {"execution": "1", "reason": "<script>"}
        record("execution.refused", actor=Actor("agent", "1", "<b>\u202ebot"), data=data)

    text = browser(dora).get("/audit/").content.decode()

    assert "<script>" not in text.partition("<main")[2]
    assert "&lt;script&gt;" in text
    assert "U+202E" in text


def test_an_operator_revokes_a_key(olga: Any, agent: Any, agent_key: str, client: Any) -> None:
    from governance.models import AgentKey
    from tests.conftest import ApiClient

    client = browser(olga)
    [row] = client.get("/governance/agents/").context["agents"]
    assert (row["name"], row["owner"], row["action_types"]) == ("support-bot", "Olga", ["every action type"])
    [key] = client.get(row["url"]).context["keys"]
    assert (key["prefix"], key["state"]) == (agent_key[:9], "live")
    revoke = f"/governance/agents/keys/{key['id']}/revoke/"

    answer = client.post(revoke, follow=True)

    assert b"is revoked" in answer.content
    assert f'action="{revoke}"' not in answer.content.decode()
    assert ApiClient(agent_key).get("proposals/").status_code == 401
    [event] = Event.objects.filter(type="agent_key.revoked")
    assert json.loads(event.body)["actor"]["name"] == "Olga"
    assert b"had been revoked before" in client.post(revoke, follow=True).content
    assert client.post("/governance/agents/keys/999999/revoke/").status_code == 404
    assert AgentKey.objects.get().hash not in answer.content.decode()


def test_agents_are_read_with_as_many_queries_at_1_and_at_12(olga: Any, agent: Any) -> None:
    from audit.ground.actors import SYSTEM
    from governance.agents.agents import create_agent

    client = browser(olga)
    client.get("/governance/agents/")
    assert statements(lambda: client.get("/governance/agents/")) == 6
    for number in range(11):
        create_agent(f"bot-{number}", owner=olga, allowed_actions=["a"], actor=SYSTEM)
    answer, asked = counted(lambda: client.get("/governance/agents/"))
    assert (len(answer.context["agents"]), asked) == (12, 6)


OWN = {"Origin": "http://testserver"}


def test_what_is_sent_after_the_session_ended_is_shown_again(proposal: Any) -> None:
    address = f"/queue/{proposal.pk}/reject/"
    sent = {"reason": "It is <b>wrong</b>.", "version": "1"}

    answer = browser().post(address, sent, headers=OWN)

    assert answer.status_code == 401
    assert b"It is &lt;b&gt;wrong&lt;/b&gt;." in answer.content
    assert f'action="{address}"'.encode() in answer.content


@pytest.mark.parametrize(
    ("address", "sent", "headers"),
    [
        ("/queue/views/", {"name": "mine"}, {"Origin": "https://elsewhere.example"}),
        ("/queue/views/", {"name": "mine"}, {}),
        ("/governance/callback/", {"secret": "mine"}, OWN),
    ],
)
def test_what_is_not_ours_or_nobodys_to_see_is_shown_to_nobody(
    db: None, address: str, sent: dict[str, str], headers: dict[str, str]
) -> None:
    answer = browser(enforce_csrf_checks=True).post(address, sent, headers=headers)
    assert b"mine" not in answer.content


def test_a_script_is_told_that_the_session_ended_not_sent_to_the_log_in(proposal: Any, ana: Any) -> None:
    script = {"HX-Request": "true"}
    assert browser().post("/governance/policies/check/", headers=script).status_code == 401
    assert browser(enforce_csrf_checks=True).post("/queue/views/", headers=script).status_code == 401
    stale = browser(ana, enforce_csrf_checks=True).post("/queue/views/", headers=script)
    assert (stale.status_code, stale["X-Refused"]) == (403, "page-too-old")
