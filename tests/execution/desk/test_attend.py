from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from execution.desk import attend
from execution.handing_back.begin import begin
from execution.models import Execution, Step
from suggestions.models import Callback
from tests.execution.conftest import events_of, run_to_rest, step, tried, workflow
from tests.pages import in_one_line

pytestmark = pytest.mark.django_db


@pytest.fixture
def stuck(approved, shop):
    """An execution that waits for a person: its one route gave no answer."""
    shop.will("/refunds", "hang up", 201)
    return run_to_rest(
        approved(workflow(step(f"{shop.url}/refunds")), callback_url="https://agent.example/hook")
    )


def test_a_person_can_have_it_tried_again(stuck, shop, olga):
    with pytest.raises(attend.MayHaveHappened):
        attend.retry(stuck, by=olga, reason="The shop says it never arrived.")
    attend.retry(stuck, by=olga, reason="The shop says it never arrived.", checked=True)
    execution = run_to_rest(stuck)

    assert (execution.status, execution.round) == ("succeeded", 2)
    assert tried(execution) == [("1", "unknown"), ("1", "succeeded")]
    assert {headers["idempotency-key"] for headers, _ in shop.asked("/refunds")} == {f"{stuck.pk}/refund"}
    event = Event.objects.get(type="execution.retried")
    assert event.actor == f"user:{olga.pk}"
    assert "never arrived" not in event.body
    assert json.loads(event.body)["data"]["although_unknown"] is True


def test_a_retry_first_asks_whether_it_took_effect_after_all(approved, shop, olga):
    shop.will("/refunds", "hang up")
    shop.will("/orders/%23W1", (200, {"refunded": 0}, {}))
    expect = "response.json.refunded >= args.amount"
    verify = {"url": shop.url + "/orders/{order_id}", "expect": expect, "within": "1ms"}
    stuck = run_to_rest(approved(workflow(step(f"{shop.url}/refunds", verify=verify))))
    assert (stuck.status, Step.objects.get().verdict) == ("needs_attention", "unverifiable")
    shop.will("/orders/%23W1", (200, {"refunded": 54.04}, {}))

    attend.retry(stuck, by=olga)
    execution = run_to_rest(stuck)

    assert execution.status == "succeeded"
    assert len(shop.asked("/refunds")) == 1
    assert Step.objects.get().receipt["verified"] is True


def test_a_person_can_state_that_it_is_done(stuck, olga):
    attend.mark_done(stuck, by=olga, evidence="Receipt 4711 in the shop's books.")

    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == ("succeeded", "Marked done by Olga.")
    receipt = Step.objects.get().receipt
    assert (receipt["marked_done_by"], receipt["evidence"]) == ("Olga", "Receipt 4711 in the shop's books.")
    assert events_of(execution)[-1] == "execution.marked_done"
    assert Callback.objects.filter(type="execution.succeeded").exists()


def test_done_without_evidence_is_not_believed(stuck, olga):
    with pytest.raises(attend.NoEvidence):
        attend.mark_done(stuck, by=olga, evidence=" \n")

    assert Execution.objects.get().status == "needs_attention"


def test_a_person_can_cancel_it(stuck, shop, olga):
    attend.cancel(stuck, by=olga, reason="The customer changed her mind.")

    run_to_rest(stuck)
    assert Execution.objects.get().status == "cancelled"
    assert len(shop.calls) == 1
    assert Callback.objects.filter(type="execution.cancelled").exists()


def test_an_approval_can_be_undone_in_the_grace_period(approved, shop, olga):
    execution = approved(workflow(step(f"{shop.url}/refunds")), grace=60)

    attend.cancel(execution, by=olga)

    assert run_to_rest(execution).status == "cancelled"
    assert shop.calls == []


@pytest.mark.parametrize("status", ["running", "succeeded", "cancelled", "failed"])
def test_what_is_not_waiting_for_a_person_is_left_alone(status, stuck, olga):
    Execution.objects.update(status=status, lease_until=Now() + timedelta(minutes=1))
    before = Event.objects.count()

    for verb in (
        lambda: attend.retry(stuck, by=olga),
        lambda: attend.mark_done(stuck, by=olga, evidence="x"),
        lambda: attend.cancel(stuck, by=olga),
    ):
        with pytest.raises(attend.NotWaiting):
            verb()

    assert Event.objects.count() == before
    assert Execution.objects.get().status == status


def test_an_agent_that_carries_it_out_itself_is_asked_again(approved, olga):
    execution = approved(None)
    Execution.objects.update(status="needs_attention")

    attend.retry(execution, by=olga)

    assert run_to_rest(execution).status == "handed_back"


# --- The pages --------------------------------------------------------------------------------


def test_the_list_shows_what_the_person_may_see(stuck, client, ana, cyd, olga):
    for person, expected in [(ana, 200), (olga, 200), (cyd, 200)]:
        client.force_login(person)
        answer = client.get("/executions/")
        assert answer.status_code == expected
        rows = [row["id"] for row in answer.context["rows"]]
        assert rows == ([] if person is cyd else [stuck.pk])
        assert [row["can_retry"] for row in answer.context["rows"]] == (
            [] if person is cyd else [person is olga]
        )


def test_what_comes_next_stands_apart_from_the_reason(stuck, client, olga):
    client.force_login(olga)
    page = in_one_line(client.get("/executions/").content.decode())
    assert 'or cancel it. <small class="whole">Step refund: ' in page


def test_the_list_costs_the_same_however_long_it_is(approved, shop, client, olga, django_assert_num_queries):
    client.force_login(olga)
    approved(None)
    client.get("/executions/")
    with CaptureQueriesContext(connection) as with_one:
        client.get("/executions/")
    for _ in range(11):
        approved(None)

    with django_assert_num_queries(len(with_one)):
        answer = client.get("/executions/")

    assert len(answer.context["rows"]) == 12


def test_the_list_has_pages(approved, client, olga, monkeypatch):
    monkeypatch.setattr("execution.desk.read.PAGE", 2)
    made = [approved(None).pk for _ in range(5)]
    client.force_login(olga)
    seen, url = [], "/executions/?status=handed_back"

    while url:
        context = client.get(url).context
        seen += [row["id"] for row in context["rows"]]
        url = context["next_url"]

    assert seen == made[::-1]


@pytest.mark.parametrize("query", ["?status=nonsense", "?before=nonsense", "?before=%20"])
def test_nonsense_in_the_address_is_ignored(query, stuck, client, olga):
    client.force_login(olga)

    assert client.get(f"/executions/{query}").status_code == 200


def test_an_operator_retries_from_the_page(stuck, client, olga):
    client.force_login(olga)

    client.post(f"/executions/{stuck.pk}/retry/", {"reason": "again"})
    assert Execution.objects.get().status == "needs_attention"  # it may have taken effect
    answer = client.post(f"/executions/{stuck.pk}/retry/", {"reason": "again", "checked": "yes"})

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/queue/{stuck.proposal_id}/")
    assert Execution.objects.get().status == "scheduled"
    actor = json.loads(Event.objects.get(type="execution.retried").body)["actor"]
    assert actor["authenticated_by"] == "unknown"  # `force_login` says nothing of how


def test_a_form_that_is_sent_twice_has_it_tried_once(stuck, shop, client, olga):
    """A browser sends it again where the answer was lost, when nobody has looked since."""
    client.force_login(olga)
    page = client.get(f"/executions/{stuck.pk}/").content.decode()
    seen = {"round": re.search(r'name="round" value="(\d+)"', page)[1]}
    form = {"happened": "no", "evidence": "It is not in their books.", **seen}
    shop.will("/refunds", "hang up")

    client.post(f"/executions/{stuck.pk}/settle/", form)
    assert run_to_rest(stuck).status == "needs_attention"  # and again nobody knows
    client.post(f"/executions/{stuck.pk}/settle/", form)
    client.post(f"/executions/{stuck.pk}/retry/", {"checked": "yes", **seen})

    assert Execution.objects.get().status == "needs_attention"
    assert tried(stuck) == [("1", "unknown"), ("1", "unknown")]


def test_a_lost_race_is_told_and_changes_nothing(stuck, client, olga):
    client.force_login(olga)
    client.post(f"/executions/{stuck.pk}/cancel/")

    answer = client.post(
        f"/executions/{stuck.pk}/mark-done/",
        {"evidence": "seen"},
        headers={"referer": "http://evil.example/"},
    )

    assert answer.headers["Location"] == f"/queue/{stuck.proposal_id}/"
    assert Execution.objects.get().status == "cancelled"


@pytest.mark.parametrize("verb", ["retry", "settle", "mark-done", "cancel"])
def test_only_those_who_attend_may(verb, stuck, client, ana, dora, cyd):
    assert client.post(f"/executions/{stuck.pk}/{verb}/").status_code == 302  # to the log-in page
    for person in (ana, dora, cyd):
        client.force_login(person)
        assert client.post(f"/executions/{stuck.pk}/{verb}/", {"evidence": "x"}).status_code == 403
    assert Execution.objects.get().status == "needs_attention"


@pytest.mark.parametrize("verb", ["retry", "settle", "mark-done", "cancel"])
def test_reading_never_changes_anything(verb, stuck, client, olga):
    client.force_login(olga)

    assert client.get(f"/executions/{stuck.pk}/{verb}/").status_code == 405


# --- What nobody knows ------------------------------------------------------------------------


@pytest.fixture
def in_doubt(approved, shop):
    """Of three steps the second one got no answer: perhaps it happened."""
    shop.will("/mail", "hang up", 201)
    steps = [step(f"{shop.url}/{name}", name=name) for name in ("refund", "mail", "note")]
    return run_to_rest(approved(workflow(*steps)))


def test_what_did_happen_completes_its_step_and_the_rest_goes_on(in_doubt, shop, olga):
    with pytest.raises(attend.NoEvidence):
        attend.settle(in_doubt, by=olga, happened=True, evidence=" ")
    attend.settle(in_doubt, by=olga, happened=True, evidence="It is in his mailbox.")

    execution = run_to_rest(in_doubt)

    assert (execution.status, execution.verdict) == ("succeeded", "unverified")
    assert [path for _, path, _, _ in shop.calls] == ["/refund", "/mail", "/note"]
    mail = Step.objects.get(name="mail")
    assert (mail.status, mail.verdict) == ("completed", "unverified")
    assert mail.receipt == {
        "route": f"1. POST {shop.url}/mail",
        "http_status": None,
        "verified": None,
        "settled_by": "Olga",
        "evidence": "It is in his mailbox.",
    }
    found = mail.attempts.get().found
    assert (found["happened"], found["by"], found["evidence"]) == (True, "Olga", "It is in his mailbox.")
    event = Event.objects.get(type="step.settled")
    assert (event.actor, "mailbox" in event.body) == (f"user:{olga.pk}", False)
    assert json.loads(event.body)["data"]["found_to_be"] == "done"


def test_what_did_not_happen_is_tried_again_and_what_was_found_stays(in_doubt, shop, olga):
    attend.settle(in_doubt, by=olga, happened=False, evidence="His mailbox is empty.")

    execution = run_to_rest(in_doubt)

    assert (execution.status, execution.round) == ("succeeded", 2)
    assert [path for _, path, _, _ in shop.calls] == ["/refund", "/mail", "/mail", "/note"]
    first, second = Step.objects.get(name="mail").attempts.all()
    assert (first.outcome, first.found["happened"], second.found) == ("unknown", False, None)
    assert first.found["evidence"] == "His mailbox is empty."
    assert json.loads(Event.objects.get(type="step.settled").body)["data"]["found_to_be"] == "not done"


def test_where_nothing_is_in_doubt_there_is_nothing_to_settle(approved, shop, in_doubt, olga):
    shop.will("/refund", 422)
    refused = run_to_rest(approved(workflow(step(f"{shop.url}/refund"))))
    with pytest.raises(attend.NothingInDoubt):
        attend.settle(refused, by=olga, happened=True, evidence="seen")

    with pytest.raises(attend.NotWaiting):
        attend.settle(in_doubt, by=olga, happened=True, evidence="seen", seen=2)
    attend.settle(in_doubt, by=olga, happened=False, evidence="seen", seen=1)
    with pytest.raises(attend.NotWaiting):
        attend.settle(in_doubt, by=olga, happened=True, evidence="seen", seen=1)

    assert Event.objects.filter(type="step.settled").count() == 1


@pytest.mark.parametrize(("happened", "status"), [(True, "succeeded"), (False, "handed_back")])
def test_what_an_agent_began_and_never_reported_is_settled_too(approved, agent, olga, happened, status):
    execution = run_to_rest(approved(None))
    begin(execution.proposal, agent=agent, key="rk")
    Execution.objects.update(lease_until=Now() - timedelta(seconds=1))
    stuck = run_to_rest(execution)
    assert stuck.status == "needs_attention"

    attend.settle(stuck, by=olga, happened=happened, evidence="The bank’s statement.")

    assert run_to_rest(stuck).status == status


def test_who_looked_says_so_on_every_page_with_the_evidence_before_them(in_doubt, client, ana, olga):
    pages = [f"/queue/{in_doubt.proposal_id}/", f"/executions/{in_doubt.pk}/"]
    path = f"/executions/{in_doubt.pk}/settle/"
    for person, answers in [(ana, 0), (olga, 1)]:
        client.force_login(person)
        for page in pages:
            html = in_one_line(client.get(page).content.decode())
            assert html.count(f'action="{path}"') == answers
            assert html.count("> It did happen") == html.count("> It did not happen") == answers
            assert f'action="/executions/{in_doubt.pk}/retry/"' not in html
        listed = client.get("/executions/").content.decode()
        assert listed.count(f'href="{pages[1]}#settle"') == answers
        assert f'action="/executions/{in_doubt.pk}/retry/"' not in listed
    html = in_one_line(client.get(pages[1]).content.decode())
    assert html.index("What was asked") < html.index("> It did happen")

    assert client.post(path, {"evidence": "seen"}).status_code == 400
    client.post(path, {"happened": "yes", "evidence": "", "round": "1"})
    assert Execution.objects.get().status == "needs_attention"
    client.post(path, {"happened": "yes", "evidence": "<b>seen</b>", "round": "1"})

    assert run_to_rest(in_doubt).status == "succeeded"
    html = in_one_line(client.get(pages[1]).content.decode())
    assert 'found out that it did happen: <q dir="auto">&lt;b&gt;seen&lt;/b&gt;</q>' in html
    assert "found out of step mail, of which nobody knew, that it was done." in html


def test_what_nothing_would_do_twice_is_settled_or_just_tried_again(approved, shop, client, olga):
    shop.will("/refunds", "hang up")
    stuck = run_to_rest(approved(workflow(step(f"{shop.url}/refunds")), idempotent=True))
    client.force_login(olga)

    page = client.get(f"/executions/{stuck.pk}/").content.decode()

    assert f'action="/executions/{stuck.pk}/retry/"' in page
    assert f'action="/executions/{stuck.pk}/settle/"' in page
