"""The pages of agents and keys, as operators, auditors and people with programs use them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.agents import boundaries
from governance.agents.agents import ChangedMeanwhile, digest_of, set_boundaries
from governance.door import keys
from governance.models import Agent, AgentKey, ApiToken
from tests.conftest import ApiClient, proposal_body
from tests.pages import in_one_line

FORM = {
    "enabled": "on",
    "scope": "some",
    "action": ["refund_payment"],
    "class_scope": "some",
    "classes": "personal, financial",
    "rate-minute": "30",
    "rate-hour": "",
    "rate-day": "2,000",
    "budget-0-argument": "amount",
    "budget-0-action": "refund_payment",
    "budget-0-per": "1d",
    "budget-0-most": "2,000.50",
    "hours": "on",
    "day": ["mon", "tue"],
    "begin": "22:00",
    "end": "06:00",
    "time_zone": "Europe/Berlin",
}
SET = {
    "data_classes": ["financial", "personal"],
    "rates": ["30/minute", "2000/day"],
    "budgets": [{"argument": "amount", "action": "refund_payment", "most": 2000.5}],
    "active_hours": {"days": ["mon", "tue"], "from": "22:00", "to": "06:00", "time_zone": "Europe/Berlin"},
}


def browser(user: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def told(event_type: str) -> Any:
    return json.loads(Event.objects.get(type=event_type).body)["data"]


# --- Boundaries -------------------------------------------------------------------------------


def test_an_operator_sets_boundaries_by_form(olga: Any, agent: Agent, action_type: Any) -> None:
    client = browser(olga)
    page = f"/governance/agents/{agent.name}/boundaries/"
    assert client.get(page).status_code == 200

    answer = client.post(page, {**FORM, "seen": digest_of(agent)})

    assert (answer.status_code, answer["Location"]) == (302, f"/governance/agents/{agent.name}/")
    agent.refresh_from_db()
    assert (agent.enabled, agent.allowed_actions, agent.boundaries) == (True, ["refund_payment"], SET)
    event = told("boundaries.changed")
    assert event["before"] == {"enabled": True, "action_types": None, "boundaries": {}}
    assert event["after"] == {"enabled": True, "action_types": ["refund_payment"], "boundaries": SET}


def test_the_form_shows_what_is_set_and_saves_it_unchanged(olga: Any, agent: Agent, action_type: Any) -> None:
    agent.boundaries, agent.allowed_actions = {**SET, "deployment_required": True}, ["not_registered_yet"]
    agent.save()
    client = browser(olga)
    page = f"/governance/agents/{agent.name}/boundaries/"
    html = client.get(page).content.decode()

    sent = dict(inputs(html))
    several = {name: [v for n, v in inputs(html) if n == name] for name in ("action", "day")}
    answer = client.post(page, {**sent, **several})

    assert answer.status_code == 302, answer.content.decode()
    assert not Event.objects.filter(type="boundaries.changed").exists()


def inputs(html: str) -> list[tuple[str, str]]:
    """What a browser would send."""
    from html import unescape

    found = []
    form = in_one_line(html).split('<form class="form"')[1].split("</form>")[0]
    for tag in re.findall(r"<input[^>]*>", form):
        said = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if said.get("type") in ("checkbox", "radio") and " checked" not in tag:
            continue
        if "name" in said:
            found.append((said["name"], unescape(said.get("value", "on"))))
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form):
        chosen = re.findall(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        found.append((name, (chosen[0][0] or chosen[0][1].strip()) if chosen else ""))
    return found


def test_a_mistake_stands_at_its_field_and_nothing_typed_is_lost(
    olga: Any, agent: Agent, action_type: Any
) -> None:
    wrong = {
        **FORM,
        "rate-day": "many",
        "budget-0-most": "lots",
        "begin": "8 o'clock",
        "classes": "Personal!",
        "time_zone": "<b>Mars</b>",
    }

    answer = browser(olga).post(f"/governance/agents/{agent.name}/boundaries/", wrong)

    html = answer.content.decode()
    assert answer.status_code == 422
    for typed in ('value="many"', 'value="lots"', "8 o&#x27;clock", 'value="Personal!"', "&lt;b&gt;Mars"):
        assert typed in html
    for place in ("rate-day-error", "budget-0-error", "begin-error", "classes-error", "zone-error"):
        assert f'id="{place}"' in html
    assert "<b>Mars" not in html
    agent.refresh_from_db()
    assert agent.boundaries == {}


def test_who_looked_at_older_boundaries_overwrites_nothing_unseen(
    olga: Any, agent: Agent, action_type: Any
) -> None:
    seen = digest_of(agent)
    set_boundaries(agent, boundaries.read({"enabled": False, "action_types": None}), actor=SYSTEM)

    page = f"/governance/agents/{agent.name}/boundaries/"
    answer = browser(olga).post(page, {**FORM, "seen": seen})
    assert answer.status_code == 409
    assert "changed these boundaries meanwhile" in answer.content.decode()
    agent.refresh_from_db()
    assert agent.enabled is False

    limits = boundaries.read({"enabled": True, "action_types": None})
    with pytest.raises(ChangedMeanwhile):
        set_boundaries(agent, limits, actor=SYSTEM, seen=seen)


def test_boundaries_that_cannot_be_read_can_be_set_anew(olga: Any, agent: Agent, action_type: Any) -> None:
    agent.boundaries = {"budget": "all"}
    agent.save()
    client = browser(olga)
    assert "can't be read" in client.get(f"/governance/agents/{agent.name}/").content.decode().replace(
        "&#x27;", "'"
    )
    page = f"/governance/agents/{agent.name}/boundaries/"
    assert client.get(page).status_code == 200
    assert client.post(page, {**FORM, "seen": digest_of(agent)}).status_code == 302


def test_the_page_tells_what_is_used_now(dora: Any, api: Any, agent: Agent, action_type: Any) -> None:
    agent.boundaries = {"rates": ["50/hour"], "budgets": [{"argument": "amount", "most": 2000}]}
    agent.allowed_actions = ["refund_payment"]
    agent.save()
    api.submit()
    agent.allowed_actions = ["send_mail"]
    agent.save()
    api.submit()

    html = browser(dora).get(f"/governance/agents/{agent.name}/").content.decode()

    assert "2 of 50 an hour" in html
    assert "54.04 of 2,000" in html
    assert "Actions it may propose" in html
    assert "Change boundaries" not in html
    assert "Revoke" not in html


def test_disabling_an_agent_ends_its_next_request(
    olga: Any, api: Any, agent: Agent, action_type: Any
) -> None:
    assert api.submit().status_code == 201
    limits = boundaries.read({"enabled": False, "action_types": None})
    assert set_boundaries(agent, limits, actor=SYSTEM) is True
    assert set_boundaries(agent, limits, actor=SYSTEM) is False
    assert api.submit().status_code == 403
    assert Event.objects.filter(type="boundaries.changed").count() == 1


def test_an_agent_asks_what_it_may_and_what_is_left(api: Any, agent: Agent, action_type: Any) -> None:
    agent.boundaries = {**SET, "active_hours": None}
    agent.save()
    api.submit()
    answer = api.get("boundaries/").json()
    assert answer["agent"] == "support-bot"
    assert [(r["rate"], r["left"]) for r in answer["rates"]] == [("30/minute", 29), ("2000/day", 1999)]
    assert answer["budgets"] == [
        {
            "argument": "amount",
            "action": "refund_payment",
            "per": "1d",
            "most": 2000.5,
            "used": 54.04,
            "left": 1946.46,
        }
    ]


def test_an_operators_program_reads_and_sets_boundaries(
    api_as: Any, olga: Any, agent: Agent, action_type: Any
) -> None:
    client = api_as(olga)
    path = f"/api/v1/agents/{agent.name}/boundaries/"

    def put(body: Any) -> Any:
        return client.client.put(path, body, content_type="application/json", headers=client.headers)

    answer = put({"enabled": True, "action_types": ["refund_payment"], **SET})
    assert (answer.status_code, answer.json()["rates"][0]["rate"]) == (200, "30/minute")
    agent.refresh_from_db()
    assert agent.boundaries == SET
    assert client.get(f"agents/{agent.name}/boundaries/").json() == answer.json()

    wrong = put({"enabled": True, "action_types": None, "rates": ["5/week"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/rates/0")
    assert put({"action_types": None}).json()["errors"][0]["pointer"] == "/enabled"
    assert client.get("agents/nobody/boundaries/").status_code == 404


def test_the_command_sets_boundaries_from_a_file(agent: Agent, capsys: Any, tmp_path: Any) -> None:
    file = tmp_path / "b.yaml"
    call_command("set_boundaries", "support-bot", "examples/boundaries.yaml")
    assert capsys.readouterr().out.splitlines()[-1] == "support-bot: set"
    call_command("set_boundaries", "support-bot", "examples/boundaries.yaml")
    assert capsys.readouterr().out.splitlines()[-1] == "support-bot: unchanged"
    agent.refresh_from_db()
    assert boundaries.limits_of(agent).budgets[1].per == 30 * 86_400
    for text, words in [
        ("enabled: yes please", "/enabled"),
        ("{", "not YAML"),
        ("- 1", "should be"),
        ("enabled: true\naction_types: null\nkill: all", "/kill: This is unknown here"),
    ]:
        file.write_text(text)
        with pytest.raises(CommandError, match=words):
            call_command("set_boundaries", "support-bot", str(file))


# --- New agents, lists ------------------------------------------------------------------------


def test_a_new_agent_is_made_by_form_and_its_key_shown_once(olga: Any, ana: Any, action_type: Any) -> None:
    client = browser(olga)
    assert client.get("/governance/agents/new/").status_code == 200
    form = {"name": "mail-bot", "owner": "ana", "scope": "some", "action": ["refund_payment"]}

    answer = client.post("/governance/agents/new/", form)

    key = re.search(r"rk_[A-Za-z0-9_-]{43}", answer.content.decode())
    assert key
    assert answer["Cache-Control"] == "no-store"
    agent = Agent.objects.get()
    assert (agent.name, agent.owner, agent.allowed_actions) == ("mail-bot", ana, ["refund_payment"])
    assert ApiClient(key[0]).get("action-types/").status_code == 200
    assert key[0] not in client.get("/governance/agents/mail-bot/").content.decode()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": "a b"}, "name-error"),
        ({"name": "new"}, "name-error"),
        ({"name": "support-bot"}, "name-error"),
        ({"owner": "nobody"}, "owner-error"),
        ({"action": []}, "actions-error"),
    ],
)
def test_an_agent_that_makes_no_sense_is_not_made(
    olga: Any, agent: Agent, action_type: Any, change: Any, place: str
) -> None:
    form = {"name": "mail-bot", "owner": "olga", "scope": "some", "action": ["refund_payment"], **change}
    answer = browser(olga).post("/governance/agents/new/", form)
    assert answer.status_code == 422
    assert f'id="{place}"' in answer.content.decode()
    assert Agent.objects.count() == 1


def test_agents_are_found_by_name_owner_and_action(dora: Any, olga: Any, ana: Any) -> None:
    for name, owner, actions in [("mail-bot", olga, None), ("pay-bot", ana, ["refund_payment"])]:
        Agent.objects.create(name=name, owner=owner, allowed_actions=actions)

    def found(asked: str) -> list[str]:
        return [
            row["name"] for row in browser(dora).get("/governance/agents/", {"q": asked}).context["agents"]
        ]

    assert found("MAIL") == ["mail-bot"]
    assert found("ana") == ["pay-bot"]
    assert found("refund_payment") == ["pay-bot"]
    assert found("") == ["mail-bot", "pay-bot"]
    assert found("x<y>") == []


def test_the_list_asks_as_often_for_twelve_as_for_one(
    dora: Any, olga: Any, django_assert_max_num_queries: Any
) -> None:
    counts = []
    for total in (1, 12):
        while Agent.objects.count() < total:
            made = Agent.objects.create(name=f"bot-{Agent.objects.count()}", owner=olga)
            keys.issue_key(made, actor=SYSTEM)
        client = browser(dora)
        client.get("/governance/agents/")
        with django_assert_max_num_queries(20) as asked:
            client.get("/governance/agents/")
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- Keys and tokens --------------------------------------------------------------------------


def test_keys_are_made_rotated_and_revoked_on_the_agents_page(
    olga: Any, agent: Agent, action_type: Any
) -> None:
    client = browser(olga)
    made = client.post("/governance/agents/support-bot/keys/", {"name": "web", "lasts": "30"})
    old = re.search(r"rk_[\w-]{43}", made.content.decode())
    assert old
    row = AgentKey.objects.get()
    assert (row.name, made["Cache-Control"]) == ("web", "no-store")

    rotated = client.post(f"/governance/agents/keys/{row.pk}/rotate/", {"overlap": "1"})
    new = re.search(r"rk_[\w-]{43}", rotated.content.decode())
    assert new
    assert f"{row.prefix}…" in rotated.content.decode()
    assert [ApiClient(k[0]).get("action-types/").status_code for k in (old, new)] == [200, 200]

    back = client.post(f"/governance/agents/keys/{row.pk}/revoke/")
    assert back["Location"] == "/governance/agents/support-bot/#keys"
    assert [ApiClient(k[0]).get("action-types/").status_code for k in (old, new)] == [401, 200]
    assert client.post(f"/governance/agents/keys/{row.pk}/rotate/").status_code == 302
    assert AgentKey.objects.count() == 2


def test_keys_that_end_soon_or_lie_forgotten_are_warned_of(olga: Any, agent: Agent) -> None:
    for _ in range(2):
        keys.issue_key(agent, actor=SYSTEM)
    first, second = AgentKey.objects.order_by("pk")
    AgentKey.objects.filter(pk=first.pk).update(expires_at=Now() + timedelta(days=3))
    AgentKey.objects.filter(pk=second.pk).update(created_at=Now() - timedelta(days=100))
    client = browser(olga)
    for page in ("/governance/agents/", "/governance/agents/support-bot/"):
        html = in_one_line(client.get(page).content.decode())
        assert "14 days" in html
        assert "90 days" in html


def test_people_look_after_their_own_tokens_alone(ana: Any, ben: Any) -> None:
    client = browser(ana)
    made = client.post("/accounts/tokens/", {"name": "my script", "lasts": ""})
    token = re.search(r"rt_[\w-]{43}", made.content.decode())
    assert token
    row = ApiToken.objects.get()
    assert (row.user, row.name, row.expires_at) == (ana, "my script", None)
    assert ApiClient(token[0]).get("proposals/").status_code == 200

    for step in ("rotate", "revoke"):
        assert browser(ben).post(f"/accounts/tokens/{row.pk}/{step}/").status_code == 404
    assert "my script" not in browser(ben).get("/accounts/tokens/").content.decode()
    assert ApiClient(token[0]).get("proposals/").status_code == 200

    new = re.search(
        r"rt_[\w-]{43}", client.post(f"/accounts/tokens/{row.pk}/rotate/", {"overlap": "0"}).content.decode()
    )
    assert new
    assert [ApiClient(t[0]).get("proposals/").status_code for t in (token, new)] == [401, 200]
    client.post(f"/accounts/tokens/{ApiToken.objects.latest('pk').pk}/revoke/")
    assert ApiClient(new[0]).get("proposals/").status_code == 401


def test_a_token_that_makes_no_sense_is_not_made(ana: Any) -> None:
    for form in ({"name": "x" * 101}, {"name": "a", "lasts": "7000"}):
        assert browser(ana).post("/accounts/tokens/", form).status_code == 422
    assert not ApiToken.objects.exists()


def test_a_boundary_hit_takes_what_was_trusted_beyond_confirmation(
    api: Any, trusted: Agent, action_type: Any
) -> None:
    trusted.boundaries = {"budgets": [{"argument": "amount", "most": 50}]}
    trusted.save()
    assert api.submit(proposal_body()).status_code == 403
    assert trusted.autonomy.get().stage == 2
    assert [i.kind for i in trusted.incidents.all()] == ["boundary"]


def test_a_new_agent_may_do_nothing_that_nobody_chose(olga: Any, action_type: Any) -> None:
    client = browser(olga)
    text = client.get("/governance/agents/new/").content.decode()
    form = text.partition("Actions it may propose")[2].partition("</fieldset>")[0]
    assert " checked" not in form
    assert form.index('value="some"') < form.index('value="every"')
    assert " selected" not in text.partition('id="owner"')[2].partition("</select>")[0]

    answer = client.post("/governance/agents/new/", {"name": "third-bot", "owner": "olga"})

    assert (answer.status_code, Agent.objects.filter(name="third-bot").exists()) == (422, False)
    assert "Choose which actions it may propose" in answer.content.decode()
