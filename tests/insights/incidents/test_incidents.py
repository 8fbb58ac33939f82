"""Incidents: reported and closed by people, on the page and over the API."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.models import Event
from execution.desk import attend
from execution.incidents.incidents import past_deadline
from governance.models import Agent, Autonomy, Incident, StageChange, Team
from governance.trust import autonomy, incidents
from insights.incidents import api as incident_api
from insights.incidents import views as incident_views
from tests.approvals.desk.test_views import browser
from tests.conftest import actor_of
from tests.execution.conftest import approved, run_to_rest, shop, step, workflow
from tests.pages import in_one_line
from tests.queries import same_queries_at
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

__all__ = ["approved", "shop"]
LIST = "/incidents/"


@pytest.fixture
def incident(agent: Agent, harmless: Any, ana: Any) -> Incident:
    """Ana reported what `support-bot` does with refunds."""
    return autonomy.raise_alarm(agent, "refund_payment", "It pays twice.", actor=actor_of(ana), by=ana)


@pytest.fixture
def desk(pia: Any) -> Client:
    """Pia operates and owns no agent."""
    return browser(pia)


def events() -> int:
    return Event.objects.exclude(type="request.refused").count()


def html_of(client: Client, query: str = "") -> str:
    answer = client.get(LIST + query)
    assert answer.status_code == 200
    return str(answer.content.decode())


# --- One of them ----------------------------------------------------------------------------------


def test_an_incident_says_how_many_of_its_executions_need_somebody_still(
    approved: Any, shop: Any, desk: Client, pia: Any
) -> None:
    shop.will("/refunds", *["hang up"] * 3)
    stuck = [run_to_rest(approved(workflow(step(f"{shop.url}/refunds")))) for _ in range(3)]
    for execution in stuck:
        incident = past_deadline(execution, "It took too long.")
    page = f"/incidents/{incident.pk}/"
    said = in_one_line(desk.get(page).content.decode())
    assert "of these still need attention, and closing the incident does nothing about them." in said
    assert '<b class="num">3</b>' in said

    for execution in stuck[:2]:
        attend.cancel(execution, by=pia)
    incidents.close_incident(
        incident, by=pia, actor=actor_of(pia), reason="The shop was slow.", found_to_be="service"
    )
    assert '<b class="num">1</b> of these still needs attention.' in in_one_line(
        desk.get(page).content.decode()
    )

    attend.cancel(stuck[2], by=pia)
    assert "of these still" not in desk.get(page).content.decode()


# --- The list -----------------------------------------------------------------------------------------


def test_the_list_says_what_happened_by_whom_and_who_dealt_with_it(
    incident: Incident, desk: Client, pia: Any
) -> None:
    assert "It pays twice." in html_of(desk)
    incidents.close_incident(incident, by=pia, actor=actor_of(pia), reason="A bug of the shop’s.")

    assert "No open incident" in html_of(desk)
    for query in ("?show=closed", "?show="):
        html = html_of(desk, query)
        assert "A bug of the shop’s." in html
        assert '<span class="name">Pia</span>' in html


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("?show=nonsense", True),
        ("?agent=support-bot", True),
        ("?agent=other-bot", False),
        ("?agent=%3Cscript%3E", False),
        ("?show=closed", False),
        ("?before=nonsense", True),
        ("?before=", True),
        (f"?before={UUID(int=0)}", False),
        (f"?before={UUID(int=2**128 - 1)}", True),
    ],
)
def test_a_filter_leaves_out_and_never_adds(
    incident: Incident, desk: Client, query: str, there: bool
) -> None:
    html = html_of(desk, query)
    assert (f"incident-{incident.pk}" in html) is there
    assert "<script>" not in html.split("<body")[1].replace("<script type", "")


def test_the_pages_hold_each_once_the_newest_first(
    agent: Agent, desk: Client, api_as: Any, pia: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_views, "PAGE", 2)
    monkeypatch.setattr(incident_api, "PAGE", 2)
    made = [Incident.objects.create(agent=agent, kind="drift", detail=str(n)) for n in range(5)]
    expected = sorted((str(one.pk) for one in made), reverse=True)

    on_pages, query = [], "?show="
    while query:
        html = html_of(desk, query)
        on_pages += re.findall(r'id="incident-([\w-]{36})"', html)
        following = re.search(r'href="(\?show=&amp;before=[\w-]+)"', html)
        query = following[1].replace("&amp;", "&") if following else ""
    over_the_api, cursor = [], ""
    for _ in range(3):
        found = api_as(pia).get(f"incidents/?cursor={cursor}").json()
        over_the_api += [one["id"] for one in found["incidents"]]
        cursor = found["next"]

    assert (on_pages, over_the_api, cursor) == (expected, expected, None)


@pytest.mark.parametrize("closed", [False, True])
def test_the_list_asks_as_often_for_twelve_as_for_one(
    agent: Agent, olga: Any, pia: Any, api_as: Any, closed: bool
) -> None:
    people, client, api = [olga, pia], browser(pia), api_as(pia)

    def add(n: int) -> None:
        ended = {"closed_at": "2026-01-01T00:00Z", "closed_by": people[n % 2], "closing_reason": "x"}
        owner = Agent.objects.create(name=f"bot-{n}", owner=people[n % 2])
        Incident.objects.create(
            agent=owner, kind="drift", detail="x", opened_by=people[n % 2], **(ended if closed else {})
        )

    def ask() -> int:
        rows = set(re.findall(r'id="incident-([\w-]{36})"', html_of(client, "?show=" if closed else "")))
        listed = {one["id"] for one in api.get("incidents/").json()["incidents"]}
        assert rows == listed
        return len(rows)

    same_queries_at(2, 12, add, ask)


def test_what_people_write_is_shown_with_marks(agent: Agent, desk: Client) -> None:
    Incident.objects.create(agent=agent, kind="reported", detail="<b>twice</b>\u202e and \u200bmore")
    html = html_of(desk)
    assert "&lt;b&gt;twice&lt;/b&gt;" in html
    assert "U+202E" in html
    assert "\u202e" not in html


# --- Reporting ----------------------------------------------------------------------------------------

REPORT = {"agent": "support-bot", "action": "refund_payment", "kind": "drift", "detail": "It pays twice."}


def test_a_report_opens_one_and_demotes_at_once(agent: Agent, harmless: Any, desk: Client, pia: Any) -> None:
    Autonomy.objects.create(agent=agent, action="refund_payment", stage=4)

    answer = desk.post(LIST + "report/", REPORT, follow=True)

    assert "An incident is open against support-bot." in answer.content.decode()
    found = Incident.objects.get()
    assert (found.kind, found.detail, found.opened_by) == ("drift", "It pays twice.", pia)
    assert Autonomy.objects.get().stage == 2
    data = json.loads(Event.objects.get(type="incident.opened").body)["data"]
    assert data["demoted"] == ["refund_payment"]
    assert data["detail"].startswith("sha256:")


@pytest.mark.parametrize("kind", ["", "sample", "boundary", "nonsense"])
def test_what_only_the_system_says_can_t_be_reported(
    agent: Agent, harmless: Any, desk: Client, kind: str
) -> None:
    assert desk.post(LIST + "report/", {**REPORT, "kind": kind}).status_code == 302
    assert Incident.objects.get().kind == "reported"


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"agent": ""}, 409, "There is no such agent."),
        ({"agent": "nobody"}, 409, "There is no such agent."),
        ({"agent": "Support-Bot"}, 409, "There is no such agent."),
        ({"action": "nothing"}, 409, "There is no action type nothing."),
        ({"action": "<b>x</b>"}, 409, "There is no action type &lt;b&gt;x&lt;/b&gt;."),
        ({"detail": ""}, 422, "Say why"),
        ({"detail": " \n "}, 422, "Say why"),
        ({"detail": "x" * 501}, 422, "at most 500 characters"),
    ],
)
def test_a_report_that_is_none_changes_nothing_and_comes_back(
    agent: Agent, harmless: Any, desk: Client, changes: dict[str, str], status: int, said: str
) -> None:
    before = events()
    sent = {**REPORT, **changes}

    answer = desk.post(LIST + "report/", sent)

    html = answer.content.decode()
    assert (answer.status_code, Incident.objects.count(), events()) == (status, 0, before)
    assert said in html
    assert '<details class="report" open>' in html
    assert f'value="{sent["agent"]}"' in html
    assert sent["detail"].strip() in html


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "/agent"),
        ({"agent": "support-bot"}, 422, "/detail"),
        ({**REPORT, "agent": "nobody"}, 422, "/agent"),
        ({**REPORT, "agent": 7}, 422, "/agent"),
        ({**REPORT, "agent": "x" * 101}, 422, "/agent"),
        ({**REPORT, "action": "x" * 129}, 422, "/action"),
        ({**REPORT, "action": None}, 422, "/action"),
        ({**REPORT, "kind": "sample"}, 422, "/kind"),
        ({**REPORT, "detail": " "}, 422, "/detail"),
        ({**REPORT, "detail": "x" * 501}, 422, "/detail"),
        ({**REPORT, "more": 1}, 422, "/more"),
        ([], 422, ""),
    ],
)
def test_a_report_over_the_api_names_what_is_wrong(
    agent: Agent, harmless: Any, pia: Any, api_as: Any, body: Any, status: int, pointer: str
) -> None:
    api, before = api_as(pia), events()

    answer = api.post("incidents/", body)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (Incident.objects.count(), events()) == (0, before)


def test_an_unknown_action_is_refused_over_the_api(
    agent: Agent, harmless: Any, pia: Any, api_as: Any
) -> None:
    answer = api_as(pia).post("incidents/", {**REPORT, "action": "nothing"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "There is no action type nothing.")
    assert not Incident.objects.exists()


# --- Closing ------------------------------------------------------------------------------------------


CLOSED = {"reason": "  Dealt with.  ", "found_to_be": "service"}


def test_closing_says_by_whom_and_gives_nothing_back(incident: Incident, desk: Client, pia: Any) -> None:
    Autonomy.objects.filter(agent=incident.agent).update(stage=2)

    answer = desk.post(f"{LIST}{incident.pk}/close/", CLOSED, follow=True)

    incident.refresh_from_db()
    assert (incident.closed_by, incident.closing_reason) == (pia, "Dealt with.")
    assert incident.found_to_be == "service"
    html = answer.content.decode()
    assert "has to be earned again" in html
    assert "a service was away or did wrong" in html
    assert Autonomy.objects.get().stage == 2
    assert not StageChange.objects.exists()
    assert Event.objects.filter(type="incident.closed").count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": ""}, "Say why"),
        ({"reason": " "}, "Say why"),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"found_to_be": ""}, "Say which of these it was"),
        ({"found_to_be": "nonsense"}, "Say which of these it was"),
    ],
)
def test_closing_needs_a_cause_and_words_that_fit(
    incident: Incident, desk: Client, changes: dict[str, str], said: str
) -> None:
    answer = desk.post(f"{LIST}{incident.pk}/close/", {**CLOSED, **changes})

    html = answer.content.decode()
    assert answer.status_code == 422
    assert said in html
    if "reason" in changes:
        assert f">{changes['reason']}</textarea>" in html
        assert 'value="service" selected' in " ".join(html.split())
    incident.refresh_from_db()
    assert incident.closed_at is None


def test_who_owns_the_agent_does_not_close_its_incidents(incident: Incident, olga: Any, api_as: Any) -> None:
    client = browser(olga)
    assert "Somebody else closes it: you own this agent." in html_of(client, f"{incident.pk}/")

    assert client.post(f"{LIST}{incident.pk}/close/", CLOSED).status_code == 409
    refused = api_as(olga).post(f"incidents/{incident.pk}/close/", {"reason": "mine"})

    assert (refused.status_code, "You own this agent" in refused.json()["detail"]) == (403, True)
    incident.refresh_from_db()
    assert incident.closed_at is None


def test_the_second_of_two_who_close_it_is_told_so(
    incident: Incident, desk: Client, pia: Any, api_as: Any
) -> None:
    incidents.close_incident(incident, by=pia, actor=actor_of(pia), reason="first")

    answer = desk.post(f"{LIST}{incident.pk}/close/", CLOSED)
    over_the_api = api_as(pia).post(f"incidents/{incident.pk}/close/", {"reason": "third"})

    assert (answer.status_code, over_the_api.status_code) == (409, 409)
    assert "This incident is closed already." in answer.content.decode()
    assert over_the_api.json()["detail"] == "This incident is closed already."
    incident.refresh_from_db()
    assert incident.closing_reason == "first"
    assert Event.objects.filter(type="incident.closed").count() == 1


# --- Taking on, noting ----------------------------------------------------------------------------------


@pytest.fixture
def silent(agent: Agent) -> Incident:
    """An incident of the team `operations`."""
    opened = incidents.open_incident(
        Incident.Kind.MISMATCH,
        "Not there.",
        actor=SYSTEM,
        cause="mismatch x",
        agent=agent,
        action="refund_payment",
        team=Team.objects.get(pk="operations"),
    )
    return opened.incident


def test_a_team_takes_its_incident_on_notes_and_closes_it(silent: Incident, ana: Any, ben: Any) -> None:
    client, other = browser(ana), browser(ben)
    assert "I take it on" in html_of(client, f"{silent.pk}/")

    client.post(f"{LIST}{silent.pk}/acknowledge/")
    html = client.post(f"{LIST}{silent.pk}/note/", {"text": "Asked <b>the shop</b>."}, follow=True)
    refused = other.post(f"{LIST}{silent.pk}/acknowledge/")
    other.post(f"{LIST}{silent.pk}/close/", CLOSED)

    silent.refresh_from_db()
    assert (silent.acknowledged_by, silent.closed_by, silent.remind_at) == (ana, ben, None)
    assert "Asked &lt;b&gt;the shop&lt;/b&gt;." in html.content.decode()
    assert (refused.status_code, "Ana has taken it on already." in refused.content.decode()) == (409, True)
    told = Event.objects.filter(type__startswith="incident.").values_list("type", flat=True)
    assert [*told] == ["incident.opened", "incident.acknowledged", "incident.noted", "incident.closed"]


def test_an_incident_of_another_team_is_not_there(silent: Incident, cyd: Any, ana: Any, api_as: Any) -> None:
    client = browser(cyd)
    assert str(silent.pk) not in html_of(client)
    assert client.get(f"{LIST}{silent.pk}/").status_code == 404
    assert client.post(f"{LIST}{silent.pk}/acknowledge/").status_code == 404
    assert api_as(cyd).get(f"incidents/{silent.pk}/").status_code == 404
    assert api_as(cyd).get("incidents/").json()["incidents"] == []

    Incident.objects.update(escalated_to="finance")

    assert api_as(cyd).get(f"incidents/{silent.pk}/").status_code == 200
    assert api_as(ana).get("incidents/?team=finance&kind=mismatch").json()["incidents"]


def test_incidents_of_agents_are_for_operators(incident: Incident, ana: Any, api_as: Any) -> None:
    assert "I take it on" not in html_of(browser(ana), f"{incident.pk}/")
    for verb, body in (("acknowledge", {}), ("notes", {"text": "x"}), ("close", {"reason": "x"})):
        assert api_as(ana).post(f"incidents/{incident.pk}/{verb}/", body).status_code == 403


def test_over_the_api_it_is_taken_on_noted_and_closed(silent: Incident, ana: Any, api_as: Any) -> None:
    api = api_as(ana)
    taken = api.post(f"incidents/{silent.pk}/acknowledge/", {})
    again = api.post(f"incidents/{silent.pk}/acknowledge/", {})
    note = api.post(f"incidents/{silent.pk}/notes/", {"text": " Asked the shop. "})
    empty = api.post(f"incidents/{silent.pk}/notes/", {"text": " "})
    api.post(f"incidents/{silent.pk}/close/", {"reason": "Mended.", "found_to_be": "workflow"})
    found = api.get(f"incidents/{silent.pk}/").json()

    assert (taken.status_code, again.status_code, note.status_code) == (200, 200, 201)
    assert (empty.status_code, empty.json()["errors"][0]["pointer"]) == (422, "/text")
    assert found["notes"] == [note.json()]
    assert note.json()["text"] == "Asked the shop."
    assert (found["acknowledged_by"], found["found_to_be"], found["executions"]) == ("Ana", "workflow", [])
    assert api.get("incidents/?kind=nonsense").json()["errors"][0]["pointer"] == "?kind"


def test_what_is_no_incident_is_not_there(
    incident: Incident, agent: Agent, desk: Client, pia: Any, api_as: Any
) -> None:
    for unknown in (uuid4(), agent.pk):
        assert desk.post(f"{LIST}{unknown}/close/", {"reason": "x"}).status_code == 404
        assert api_as(pia).post(f"incidents/{unknown}/close/", {"reason": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("", True),
        ("?open=true", True),
        ("?open=false", False),
        ("?open=0", False),
        ("?open=1", True),
        ("?agent=support-bot", True),
        ("?agent=nobody", False),
        ("?agent=support-bot&open=false", False),
    ],
)
def test_the_api_lists_what_is_asked_for(
    incident: Incident, pia: Any, api_as: Any, query: str, there: bool
) -> None:
    found = api_as(pia).get(f"incidents/{query}").json()
    assert [one["id"] for one in found["incidents"]] == ([str(incident.pk)] if there else [])


@pytest.mark.parametrize("cursor", ["nonsense", "1", "٣", "../"])
def test_a_cursor_that_no_page_named_is_refused(pia: Any, api_as: Any, cursor: str) -> None:
    answer = api_as(pia).get(f"incidents/?cursor={cursor}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?cursor")
