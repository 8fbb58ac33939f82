from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction

from audit.ground.actors import ANONYMOUS, SYSTEM, Actor
from audit.log.in_words import grouped, label, sentence
from audit.log.read import Filters, actions, page
from audit.log.record import record
from tests.pages import in_one_line
from tests.reviewapp.web.test_pages import browser


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("proposal.submitted", {}, "Ana handed in a proposal."),
        ("decision.made", {"verdict": "approve"}, "Ana decided: approve."),
        ("request.refused", {"status": 403}, "Ana was refused a request (403)."),
        ("request.refused", {"boundary": "budget"}, "Ana was refused a request."),
        ("incident.opened", {}, "Ana opened an incident."),
        ("agent_key.issued", {}, "Ana issued a key of the agent not said."),
        ("test.recorded", {}, "Ana wrote down: test recorded."),
    ],
)
def test_an_event_is_a_sentence(kind: str, data: Any, said: str) -> None:
    assert sentence(json.dumps({"type": kind, "actor": {"name": "Ana"}, "data": data})) == said


def test_types_are_choices_by_what_they_are_about() -> None:
    assert label("agent_key.issued") == "Agent key issued"
    assert grouped(["claim.taken", "halt.lifted", "halt.thrown"]) == [
        ("claim.", "Everything about: claim", [("claim.taken", "Claim taken")]),
        ("halt.", "Everything about: halt", [("halt.lifted", "Halt lifted"), ("halt.thrown", "Halt thrown")]),
    ]


def test_refusals_that_follow_each_other_are_one_line(dora: Any) -> None:
    ben = Actor("user", "9", "Ben")
    with transaction.atomic():
        record("session.opened", actor=SYSTEM, data={"address": "", "device": "new"})
        for who in (ANONYMOUS, ben, ANONYMOUS):
            record("request.refused", actor=who, data={"status": 403})
        record("session.closed", actor=SYSTEM, data={})
        record("request.refused", actor=ben, data={"status": 404})

    shown = browser(dora).get("/audit/").context["lines"]
    asked = browser(dora).get("/audit/?type=request.refused").context["lines"]

    assert [line["event"]["type"] if "event" in line else len(line["refusals"]) for line in shown] == [
        "request.refused",
        "session.closed",
        3,
        "session.opened",
    ]
    assert shown[2]["who"] == ["Ben", "Not signed in"]
    assert [line["event"]["type"] for line in asked] == ["request.refused"] * 4


def test_people_types_and_actions_are_choices(dora: Any, proposal: Any) -> None:
    client = browser(dora)
    found = client.get("/audit/").context
    assert proposal.action in found["actions"]
    assert "support-bot" in found["actors"]
    assert "proposal." in [prefix for prefix, _, _ in found["event_types"]]

    [event] = client.get(f"/audit/?action={proposal.action}&type=proposal.").context["events"]
    assert event["proposal_id"] == proposal.pk
    unknown = client.get("/audit/?action=nothing&actor=nobody&type=proposal.lost")
    assert (unknown.status_code, unknown.context["events"]) == (200, [])
    html = in_one_line(unknown.content.decode())
    for kept in (
        "<option selected> nothing <",
        "<option selected> nobody <",
        'value="proposal.lost" selected',
    ):
        assert kept in html


def test_events_of_an_action_are_found_by_an_index(proposal: Any, db: None) -> None:
    from django.db import connection

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = on")
        from audit.log.read import ACTION

        cursor.execute(f"EXPLAIN SELECT id FROM audit_event WHERE {ACTION} = 'x' ORDER BY id DESC LIMIT 5")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "audit_event_by_action" in plan
    assert actions() == [proposal.action] or proposal.action in actions()
    assert page(Filters(action=proposal.action)).events != []


def test_only_who_may_export_is_offered_the_export(dora: Any, olga: Any) -> None:
    def offers(person: Any) -> bool:
        return "/audit/export/" in browser(person).get("/audit/").content.decode()

    assert offers(dora)
    assert not offers(olga)
