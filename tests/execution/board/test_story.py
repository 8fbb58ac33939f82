"""The page of a case tells all that happened to it, in order and in words; and the page of its execution."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from approvals.detail.read import whole_of
from approvals.detail.timeline import timeline
from execution.desk import attend
from execution.healing import breakers, signals
from execution.models import Execution
from execution.running.run import run
from governance.models import Incident
from governance.trust import incidents
from tests.conftest import actor_of
from tests.execution.conftest import run_to_rest, step, workflow
from tests.pages import in_one_line

pytestmark = pytest.mark.django_db


def told(execution: Any, reader: Any, *, whole: bool = False) -> list[Any]:
    entries = timeline(whole_of(execution.proposal_id, reader), reader)
    return entries if whole else [entry.text for entry in entries]


def in_order(found: list[str], wanted: list[str]) -> bool:
    """Whether these stand there, one after the other."""
    rest = iter(found)
    return all(any(text == one for one in rest) for text in wanted)


def test_a_case_is_told_from_its_approval_to_its_end(approved: Any, shop: Any, olga: Any) -> None:
    first, second = f"{shop.url}/refunds", f"{shop.url}/by-post"
    waits = {"await": {"signal": "settled", "within": "2d"}}
    shop.will("/mail", "hang up", 201)
    plan = workflow(
        step(first, second), step(f"{shop.url}/mail", name="mail"), step(first, name="note", **waits)
    )
    execution = approved(plan)
    breakers.open_by_hand(f"POST {first}", actor=actor_of(olga), reason="It moves house.")
    run_to_rest(execution)
    attend.settle(execution, by=olga, happened=False, evidence="His mailbox is empty.")
    run(execution.pk)
    breakers.close_by_hand(f"POST {first}", actor=actor_of(olga), reason="It has moved.")
    Execution.objects.update(due_at=Now())
    run(execution.pk)
    signals.receive(execution, "settled", {}, actor=actor_of(olga))
    assert run_to_rest(execution).status == "succeeded"

    entries = told(execution, olga, whole=True)

    assert in_order(
        [entry.text for entry in entries],
        [
            "Approved",
            "A worker is to carry it out",
            "A worker began to carry it out",
            f"POST {first} was being let alone when it began",
            "Attempt 1 of step refund began, over another route",
            "Attempt 1 of step refund succeeded",
            "Step refund completed",
            "Attempt 1 of step mail began",
            "Attempt 1 of step mail has an unknown outcome: it may have taken effect",
            "It needs attention",
            "Olga found out that step mail was not done",
            "Attempt 2 of step mail succeeded",
            "It waits before it goes on",
            f"Olga let workers ask POST {first} again",
            "Attempt 1 of step note succeeded",
            "Olga told of the event settled",
            "Step note completed",
            "It is carried out",
        ],
    )
    said = {entry.text: "".join(piece.text for piece in entry.said) for entry in entries}
    assert said[f"POST {first} was being let alone when it began"] == "It moves house."
    assert said[f"Olga let workers ask POST {first} again"] == "It has moved."


def test_the_evidence_stands_with_what_it_was_written_about(
    approved: Any, shop: Any, client: Any, olga: Any
) -> None:
    shop.will("/mail", "hang up")
    shop.will("/note", 422)
    steps = [step(f"{shop.url}/{name}", name=name) for name in ("mail", "note", "last")]
    execution = run_to_rest(approved(workflow(*steps)))
    attend.settle(execution, by=olga, happened=True, evidence="<b>Seen</b> in his mailbox.")
    run_to_rest(execution)
    attend.skip_step(execution, by=olga, step="note", evidence="He knows.")
    shop.will("/last", 422)
    Execution.objects.update(due_at=Now())
    run_to_rest(execution)
    attend.mark_done(execution, by=olga, evidence="Done over the telephone.")
    client.force_login(olga)

    page = in_one_line(client.get(f"/queue/{execution.proposal_id}/").content.decode())

    story = page[page.index("Timeline</h2>") :]
    wanted = (
        "Olga found out that step mail was done",
        "&lt;b&gt;Seen&lt;/b&gt; in his mailbox.",
        "Olga left out step note",
        "He knows.",
        "Olga marked it as done",
        "Done over the telephone.",
    )
    assert [story.index(text) for text in wanted] == sorted(story.index(text) for text in wanted)


def test_an_incident_is_told_in_every_case_that_it_is_about(
    approved: Any, shop: Any, olga: Any, ana: Any
) -> None:
    shop.will("/orders/%23W1", (200, {"refunded": 0}, {}))
    expect = "response.json.refunded >= args.amount"
    verify = {"url": shop.url + "/orders/{order_id}", "expect": expect, "within": "1ms"}
    plan = workflow(step(f"{shop.url}/refunds", verify=verify))
    first, second = [run_to_rest(approved(plan)) for _ in range(2)]
    incident = Incident.objects.get(kind="mismatch")
    incidents.acknowledge(incident, by=ana, actor=actor_of(ana))
    incidents.close_incident(
        incident, by=ana, actor=actor_of(ana), reason="The shop was asleep.", found_to_be="service"
    )
    # Who closes one takes it on at that moment: that would not be told apart.
    Incident.objects.update(closed_at=Now() + timedelta(minutes=1))

    for case, found in [
        (first, "An incident was opened"),
        (second, "It happened again, as an open incident says"),
    ]:
        entries = told(case, olga, whole=True)
        texts = [entry.text for entry in entries]
        assert in_order(
            texts, ["It needs attention", found, "Ana took the incident on", "Ana closed the incident"]
        )
        closed = entries[texts.index("Ana closed the incident")]
        assert closed.sub == "a service was away or did wrong"
        assert "".join(piece.text for piece in closed.said) == "The shop was asleep."
        assert texts.count("Ana closed the incident") == 1
    opened = next(e for e in told(first, olga, whole=True) if e.text == "An incident was opened")
    assert opened.sub == "done, but not as claimed"
    assert "its effect is not there" in "".join(piece.text for piece in opened.said)


def test_a_breaker_that_its_own_attempt_opened_is_told_once(
    approved: Any, shop: Any, client: Any, olga: Any
) -> None:
    shop.will("/refunds", 503)
    one = step({"kind": "http", "url": f"{shop.url}/refunds", "idempotent": True}, f"{shop.url}/by-post")
    plan = workflow({**one, "retry": {**one["retry"], "attempts": 6}})
    execution = run_to_rest(approved(plan))
    assert execution.status == "succeeded"
    route = f"POST {shop.url}/refunds"

    assert told(execution, olga).count(f"{route} failed too often and is let alone for a while") == 1
    client.force_login(olga)
    page = in_one_line(client.get(f"/executions/{execution.pk}/").content.decode())
    assert page.count(f"let {route} alone for a while") == 1
    assert "is let alone for a while" not in page


def test_where_all_went_well_nothing_more_is_asked(
    approved: Any, shop: Any, olga: Any, monkeypatch: Any
) -> None:
    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))
    monkeypatch.setattr("execution.healing.breakers.changes", None)
    monkeypatch.setattr("execution.desk.around.incidents_seen_by", None)
    assert told(execution, olga)[-1] == "It is carried out"
