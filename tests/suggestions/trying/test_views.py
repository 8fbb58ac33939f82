"""Backtests and shadows on pages, over the API and on the command line."""

from __future__ import annotations

import json
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from approvals.deciding import decide
from audit.ground.actors import SYSTEM
from audit.ground.figures import percent
from governance.policies import lifecycle
from suggestions.models import Backtest
from suggestions.trying import backtest, disagreements
from suggestions.trying.rejudge import Chosen
from tests.conftest import actor_of, approved, in_force, suggestion_body

PASSES = "version: 1\nmay_pass: [refund_payment]\ndefaults: {verdict: auto_approve}"


@pytest.fixture
def version(olga: Any, ana: Any) -> Any:
    return lifecycle.draft(PASSES, author=olga)[0]


@pytest.fixture
def rejected(propose: Any, ana: Any) -> Any:
    def make(amount: float = 10.0, reason: str = "no") -> Any:
        proposal = propose(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": amount})])
        decide.reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason=reason)
        return proposal

    return make


def finished(version: Any, **chosen: Any) -> Backtest:
    asked = backtest.ask(version, chosen=Chosen(**chosen), by=None, actor=SYSTEM, alone=True)
    return backtest.work_until_done(asked.pk, lambda *_: None)


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- Pages ----------------------------------------------------------------------------------


def test_an_operator_asks_watches_and_reads(version, rejected, olga):
    rejected(reason="<b>not</b> ours")
    client = browser(olga)
    page = client.get(f"/governance/policies/{version.pk}/backtests/")
    assert "Run the backtest" in page.content.decode()

    asked = client.post(f"/governance/policies/{version.pk}/backtests/ask/", {"newest": "50", "agent": ""})
    running = client.get(asked["Location"])
    assert "Waiting for a worker" in running.content.decode()
    found = Backtest.objects.get()
    assert (found.chosen["newest"], found.asked_by) == (50, olga)
    progress = f"/governance/backtests/{found.pk}/progress/"
    assert "hx-trigger" in client.get(progress).content.decode()

    backtest.work_until_done(found.pk, lambda *_: None)

    assert client.get(progress)["HX-Refresh"] == "true"
    text = client.get(asked["Location"]).content.decode()
    assert "Would have auto-approved 1 of 1; humans rejected 1 of them and edited 0." in text
    assert "&lt;b&gt;not&lt;/b&gt; ours" in text
    panel = client.get(f"/governance/policies/{version.pk}/backtests/panel/").content.decode()
    assert "humans rejected 1 of them" in panel


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("newest", "many", "A whole number from 1 to 1,000,000."),
        ("newest", "1000001", "A whole number from 1 to 1,000,000."),
        ("since", "yesterday", "Write a day like 2026-11-22."),
        ("until", "2026-13-01", "Write a day like 2026-11-22."),
        ("agent", "nobody", "There is no such agent."),
    ],
)
def test_what_was_typed_wrong_comes_back_with_what_is_wrong(version, olga, field, value, said):
    address = f"/governance/policies/{version.pk}/backtests/ask/"
    page = browser(olga).post(address, {"action": "refund_payment", field: value})

    assert page.status_code == 422
    assert said in page.content.decode()
    assert 'value="refund_payment"' in page.content.decode()
    assert not Backtest.objects.exists()


def test_a_second_one_at_the_same_time_is_told_not_made(version, olga):
    client = browser(olga)
    address = f"/governance/policies/{version.pk}/backtests/ask/"
    client.post(address)
    page = client.post(address, follow=True)
    assert "wait for it or cancel it" in page.content.decode()
    assert Backtest.objects.count() == 1


def test_a_cancelled_one_says_so(version, olga):
    client = browser(olga)
    asked = client.post(f"/governance/policies/{version.pk}/backtests/ask/")
    page = client.post(asked["Location"] + "cancel/", follow=True)
    assert "came to no result" in page.content.decode()
    again = client.post(asked["Location"] + "cancel/", follow=True)
    assert "over already" in again.content.decode()


def test_disagreements_about_other_teams_are_counted_and_not_shown(version, rejected, ana, cyd):
    proposal = rejected()
    done = finished(version)
    for person, shown in [(ana, True), (cyd, False)]:
        text = browser(person).get(f"/governance/backtests/{done.pk}/").content.decode()
        assert (f"/queue/{proposal.pk}/" in text) is shown
        assert "humans rejected 1 of them" in text


def test_the_disagreements_come_in_pages_the_worst_first(version, rejected, olga, monkeypatch):
    monkeypatch.setattr(disagreements, "PAGE", 2)
    made = [rejected(10.0 + n).pk for n in range(5)]
    client, address = browser(olga), f"/governance/backtests/{finished(version).pk}/"
    seen: list[str] = []
    while address:
        page = client.get(address.partition("#")[0])
        seen += [row["url"] for row in page.context["disagreements"]]
        address = page.context["next_url"]
    assert seen == [f"/queue/{pk}/" for pk in reversed(made)]
    assert client.get(f"/governance/backtests/{Backtest.objects.get().pk}/?after=x&kind=x").status_code == 200


def test_two_results_stand_side_by_side(version, rejected, olga):
    for n in range(3):
        rejected(10.0 + n)
    strict, _ = lifecycle.draft("version: 1\ndefaults: {verdict: block}", author=olga)
    a, b = finished(version), finished(strict, newest=2)

    page = browser(olga).get("/governance/backtests/compare/", {"a": a.pk, "b": b.pk})

    first = page.context["lines"][0]
    assert (first["label"], first["a"]["count"], first["b"]["count"]) == ("Would pass", "3", "0")
    assert page.context["alike"] is False
    assert browser(olga).get("/governance/backtests/compare/?a=x&b=y").status_code == 200


def test_the_list_costs_the_same_at_one_and_at_twelve(version, olga, django_assert_num_queries):
    client = browser(olga)
    finished(version)
    client.get("/governance/backtests/")
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as one:
        client.get("/governance/backtests/")
    for _ in range(11):
        finished(version)
    with django_assert_num_queries(len(one)):
        client.get("/governance/backtests/")


def test_a_share_is_never_rounded_to_all_or_nothing():
    assert [percent(value) for value in (0, 1, 0.5, 0.0004, 0.99996, 0.9999999)] == [
        "0.0 %",
        "100.0 %",
        "50.0 %",
        "0.04 %",
        "99.996 %",
        "over 99.999 %",
    ]


def test_the_shadows_differences_are_listed_in_words(rejected, propose, olga, ana, cyd):
    in_force("version: 1")
    candidate, _ = lifecycle.draft(
        "version: 1\nrules:\n  - {name: two, when: 'true', then: {approvals: 2, decide_within: 1h}}",
        author=olga,
    )
    lifecycle.set_shadow(approved(candidate), by=olga)
    proposal = propose()
    address = f"/governance/policies/{candidate.pk}/differences/"

    page = browser(ana).get(address)

    [row] = page.context["rows"]
    assert row["changes"] == ["approvals: 2 instead of 1", "decide within: 1h instead of 4h"]
    assert (row["url"], row["rules"]) == (f"/queue/{proposal.pk}/", ["two"])
    assert "Same on 0 of 1 proposals, different on 1." in page.content.decode()
    assert browser(cyd).get(address).context["rows"] == []
    assert browser(ana).get(address, {"kind": "looser"}).context["rows"] == []
    assert (
        "In the shadow"
        in browser(ana).get(f"/governance/policies/{candidate.pk}/backtests/panel/").content.decode()
    )


# --- API ------------------------------------------------------------------------------------


def test_a_program_asks_waits_and_reads(version, rejected, olga, api_as):
    proposal = rejected()
    api = api_as(olga)

    asked = api.post(f"policies/{version.pk}/backtests/", {"newest": 10})
    assert asked.status_code == 202
    told = asked.json()
    assert (told["status"], told["done"], told["total"], told["result"]) == ("queued", 0, None, None)
    assert api.post(f"policies/{version.pk}/backtests/").json()["title"] == "Backtest runs"
    backtest.work_until_done(uuid.UUID(told["id"]), lambda *_: None)

    told = api.get(f"backtests/{told['id']}/").json()
    assert (told["status"], told["done"], told["total"]) == ("done", 1, 1)
    assert told["summary"][0] == "Would have auto-approved 1 of 1; humans rejected 1 of them and edited 0."
    page = api.get(f"backtests/{told['id']}/disagreements/").json()
    assert [(d["proposal"], d["kind"]) for d in page["disagreements"]] == [
        (str(proposal.pk), "passed_rejected")
    ]
    assert page["next"] is None
    assert [b["id"] for b in api.get(f"policies/{version.pk}/backtests/").json()["backtests"]] == [told["id"]]


@pytest.mark.parametrize(
    "body", [{"newest": 0}, {"newest": "10"}, {"since": "2026-11-22"}, {"agent": "nobody"}, {"typo": 1}]
)
def test_what_makes_no_sense_is_refused(version, olga, api_as, body):
    assert api_as(olga).post(f"policies/{version.pk}/backtests/", body).status_code == 422


@pytest.mark.parametrize("query", ["?kind=x", "?cursor=x", "?cursor=1.x", "?page=2", "?cursor=99999999999.x"])
def test_a_page_that_is_none_is_refused(version, olga, api_as, query):
    done = finished(version)
    assert api_as(olga).get(f"backtests/{done.pk}/disagreements/{query}").status_code == 422


def test_programs_are_told_of_the_shadows_differences(propose, olga, ana, api_as):
    in_force("version: 1")
    candidate, _ = lifecycle.draft("version: 1\ndefaults: {verdict: block}", author=olga)
    lifecycle.set_shadow(approved(candidate), by=olga)
    proposal = propose()

    told = api_as(olga).get(f"policies/{candidate.pk}/differences/").json()

    assert (told["in_shadow"], told["looked_at"], told["same"], told["different"]) == (True, 1, 0, 1)
    [row] = told["differences"]
    assert (row["proposal"], row["kind"], row["would"]["verdict"]) == (str(proposal.pk), "stricter", "block")


# --- Command --------------------------------------------------------------------------------


def said_by(*arguments: str) -> str:
    out = StringIO()
    call_command("policy_backtest", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_measures_a_version_and_validates_it(version, rejected):
    rejected()
    assert "auto-approved 1 of 1; humans rejected 1" in said_by(version.pk.removeprefix("sha256:")[:12])
    version.refresh_from_db()
    assert version.status == "validated"
    result = json.loads(said_by(version.pk, "--json", "--since", "1h", "--agent", "support-bot"))
    assert (result["proposals"], result["policy"]) == (1, version.pk)


def test_a_file_that_is_not_kept_is_only_measured(rejected, tmp_path):
    rejected()
    file = tmp_path / "candidate.yaml"
    file.write_text(PASSES)
    assert json.loads(said_by(str(file), "--json"))["passed"]["share"]["count"] == 1
    assert not Backtest.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["sha256:ffff"], "no version that begins"),
        (["sha256:ffff", "--since", "soon"], "no date"),
        (["sha256:ffff", "--newest", "0"], "whole number"),
    ],
)
def test_the_command_says_what_it_does_not_understand(db, arguments, problem):
    with pytest.raises(CommandError, match=problem):
        said_by(*arguments)
