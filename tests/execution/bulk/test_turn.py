"""Bulk retries as workers carry them out: at their rate, each once, and no longer than it helps."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.models import Event
from execution.bulk import start, turn
from execution.bulk.choosing import Chosen
from execution.desk import attend
from execution.healing import breakers
from execution.models import BulkRetry, BulkRetryItem, Execution
from governance.trust import halts
from tests.execution.bulk.conftest import asked_by, later, retried
from tests.execution.conftest import run_to_rest

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """What a worker sees of SIGKILL, which is nothing."""


def state(bulk: BulkRetry) -> tuple[str, int, int, int]:
    bulk.refresh_from_db()
    return bulk.status, bulk.retried, bulk.left_out, bulk.waiting


def events(kind: str) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in Event.objects.filter(type__startswith=kind).order_by("pk")]


def test_all_are_retried_and_it_says_so(failed: Any, shop: Any, olga: Any) -> None:
    several = [failed() for _ in range(2)]
    failed(outcome="unknown")
    bulk = asked_by(olga)
    for _ in range(2):
        turn.retry_due()
        later(bulk, 1)

    assert state(bulk) == ("done", 2, 0, 0)
    assert bulk.left_out_before == {"doubt": 1}
    assert [run_to_rest(one).status for one in several] == ["succeeded", "succeeded"]
    retries = events("execution.retried")
    assert [one["data"]["bulk_retry"] for one in retries] == [str(bulk.pk)] * 2
    assert {one["actor"]["name"] for one in retries} == {"Olga"}
    told = events("bulk_retry.")
    assert [one["type"] for one in told] == ["bulk_retry.started", "bulk_retry.ended"]
    assert (told[0]["data"]["executions"], told[0]["data"]["left_out"]) == (2, 1)
    assert "up again" not in json.dumps(told)


def test_no_more_are_retried_than_the_rate_allows(failed: Any, olga: Any) -> None:
    for _ in range(6):
        failed()
    bulk = asked_by(olga, rate=1)

    counts = []
    for seconds in (0, 0, 60, 30, 30, 3600):
        later(bulk, seconds)
        turn.retry_due()
        counts.append(retried())

    assert counts == [1, 1, 2, 2, 3, 4]  # what a late tick missed is not made up for


def test_a_fast_one_retries_several_in_a_tick(failed: Any, olga: Any) -> None:
    for _ in range(6):
        failed()
    bulk = asked_by(olga, rate=600)
    later(bulk, 1)
    turn.retry_due()
    assert state(bulk) == ("done", 6, 0, 0)


def test_a_worker_that_dies_repeats_none_and_the_next_one_goes_on(
    failed: Any, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        failed()
    bulk = asked_by(olga, rate=600)
    later(bulk, 60)
    retry = turn.retry_next

    def die_after(bulk_id: Any) -> bool:
        retry(bulk_id)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(turn, "retry_next", die_after)
        with pytest.raises(Killed):
            turn.retry_due()
    assert state(bulk) == ("running", 1, 0, 2)

    turn.retry_due()

    assert state(bulk) == ("done", 3, 0, 0)
    assert list(Execution.objects.values_list("round", flat=True)) == [2, 2, 2]
    assert len(events("execution.retried")) == 3


def test_a_worker_that_dies_before_its_commit_leaves_all_as_it_was(
    failed: Any, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed()
    bulk = asked_by(olga)

    def die(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(turn, "_note", die)
    with pytest.raises(Killed):
        turn.retry_due()

    assert (retried(), events("execution.retried"), state(bulk)) == (0, [], ("running", 0, 0, 1))


def test_what_changed_meanwhile_is_left_out_and_takes_nothing_of_the_rate(failed: Any, olga: Any) -> None:
    cancelled, again, doubtful, last = (failed() for _ in range(4))
    bulk = asked_by(olga)
    attend.cancel(cancelled, by=olga)
    attend.retry(again, by=olga)
    Execution.objects.filter(pk=again.pk).update(status="needs_attention")  # in a round that nobody looked at
    doubtful.steps.get().attempts.update(outcome="unknown")

    turn.retry_due()

    assert state(bulk) == ("done", 1, 3, 0)
    assert list(bulk.items.order_by("position").values_list("outcome", "detail")) == [
        ("left_out", "This execution changed meanwhile; look again."),
        ("left_out", "This execution changed meanwhile; look again."),
        ("left_out", "An attempt may have taken effect, and another could do it a second time."),
        ("retried", ""),
    ]
    assert Execution.objects.get(pk=last.pk).status == "scheduled"


def test_it_is_stopped_and_goes_on_in_the_name_of_whoever_says_so(failed: Any, olga: Any, pia: Any) -> None:
    for _ in range(3):
        failed()
    bulk = asked_by(olga)
    turn.retry_due()
    with pytest.raises(Invalid):
        start.stop(bulk, by=pia, actor=pia.as_actor(), reason=" ")
    start.stop(bulk, by=pia, actor=pia.as_actor(), reason="Let us look first.")
    later(bulk, 60)
    turn.retry_due()
    assert state(bulk) == ("stopped", 1, 0, 2)
    assert Execution.objects.filter(status="needs_attention", round=1).count() == 2
    with pytest.raises(start.NotRunning):
        start.stop(bulk, by=pia, actor=pia.as_actor(), reason="Again.")

    start.go_on(bulk, by=pia, actor=pia.as_actor(), reason="It is fine.")
    with pytest.raises(start.NotStopped):
        start.go_on(bulk, by=pia, actor=pia.as_actor(), reason="Again.")
    turn.retry_due()

    assert state(bulk)[1] == 2
    assert [one["actor"]["name"] for one in events("execution.retried")] == ["Olga", "Pia"]
    assert [one["type"] for one in events("bulk_retry.")] == [
        "bulk_retry.started",
        "bulk_retry.stopped",
        "bulk_retry.went_on",
    ]


def test_where_it_does_not_help_it_stops_by_itself(failed: Any, olga: Any) -> None:
    for _ in range(9):
        failed()
    bulk = asked_by(olga, rate=600)
    for _ in range(7):
        later(bulk, 0.1)
        turn.retry_next(bulk.pk)
        Execution.objects.filter(status="scheduled").update(status="needs_attention")

    assert state(bulk) == ("stopped", 5, 0, 4)
    assert "5 need attention again" in bulk.said
    assert bulk.said_by == ""
    [stopped] = events("bulk_retry.stopped")
    assert (stopped["actor"]["type"], stopped["data"]["why"]) == ("worker", bulk.said)

    # What failed before it was let go on is not counted against it.
    start.go_on(bulk, by=olga, actor=olga.as_actor(), reason="Now it is up.")
    turn.retry_next(bulk.pk)
    assert state(bulk)[:2] == ("running", 6)


def shut(shop: Any, _: Any) -> None:
    breakers.open_by_hand(f"POST {shop.url}/refunds", actor=SYSTEM, reason="It fails.")


def halt(_: Any, __: Any) -> None:
    halts.throw("everything", reason="x", actor=SYSTEM)


def demote(_: Any, person: Any) -> None:
    person.groups.clear()


@pytest.mark.parametrize(
    ("change", "said"),
    [(shut, "breakers of all routes"), (halt, "A kill switch is on"), (demote, "Olga may not retry")],
)
def test_what_makes_it_pointless_stops_it(
    change: Callable[..., None], said: str, failed: Any, shop: Any, olga: Any
) -> None:
    for _ in range(2):
        failed()
    bulk = asked_by(olga)
    change(shop, olga)

    turn.retry_due()

    assert (state(bulk), retried()) == (("stopped", 0, 0, 2), 0)
    assert said in bulk.said


def test_what_the_person_can_see_no_more_is_left_out(failed: Any, olga: Any, ana: Any) -> None:
    execution = failed()
    bulk = asked_by(olga)
    Execution.objects.filter(pk=execution.pk).delete()
    turn.retry_due()
    assert state(bulk) == ("done", 0, 1, 0)
    assert bulk.items.get().detail == "Olga can't see it any more."


def test_one_that_breaks_stops_and_does_not_hold_up_the_others(
    failed: Any, shop: Any, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = failed("/mail"), failed("/refunds")
    of_mail = asked_by(olga, Chosen(text="/mail"))
    of_refunds = asked_by(olga, Chosen(text="/refunds"))
    retry = attend.retry

    def break_for_one(execution: Execution, **how: Any) -> None:
        if execution.pk == broken.pk:
            raise ZeroDivisionError
        retry(execution, **how)

    monkeypatch.setattr(attend, "retry", break_for_one)
    turn.retry_due()

    assert state(of_mail)[0] == "stopped"
    assert of_mail.said == "Something went wrong with what comes next: ZeroDivisionError."
    assert state(of_refunds) == ("done", 1, 0, 0)
    assert Execution.objects.get(pk=fine.pk).round == 2


# --- Started once -----------------------------------------------------------------------------


def test_of_the_same_one_runs_at_a_time(failed: Any, olga: Any, pia: Any) -> None:
    failed()
    bulk = asked_by(olga)
    with pytest.raises(start.AlreadyRuns) as refused:
        asked_by(pia)
    assert (refused.value.running, refused.value.detail) == (
        bulk,
        "Olga has started the same, and it runs.",
    )
    turn.retry_due()
    failed()
    assert asked_by(pia).pk != bulk.pk


@pytest.mark.django_db(transaction=True)
def test_of_several_operators_and_workers_at_once_each_is_retried_once(
    failed: Any, olga: Any, pia: Any
) -> None:
    for _ in range(6):
        failed()

    def press(person: Any) -> BulkRetry | None:
        try:
            return asked_by(person, rate=600)
        except start.AlreadyRuns:
            return None
        finally:
            connection.close()

    def work(_: int) -> None:
        turn.retry_due()
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        [bulk] = filter(None, threads.map(press, [olga, pia, olga, pia]))
        later(bulk, 60)
        list(threads.map(work, range(4)))
    turn.retry_due()

    assert state(bulk) == ("done", 6, 0, 0)
    assert (retried(), len(events("execution.retried"))) == (6, 6)


def test_what_was_stopped_does_not_go_on_beside_the_same(failed: Any, olga: Any) -> None:
    failed()
    bulk = asked_by(olga)
    start.stop(bulk, by=olga, actor=olga.as_actor(), reason="x")
    asked_by(olga)
    with pytest.raises(start.AlreadyRuns):
        start.go_on(bulk, by=olga, actor=olga.as_actor(), reason="x")


def test_the_same_form_sent_twice_is_one(failed: Any, olga: Any, pia: Any) -> None:
    failed()
    bulk = asked_by(olga)
    assert asked_by(olga, bulk_id=bulk.pk) == bulk
    with pytest.raises(start.OtherBulkRetry):
        asked_by(olga, Chosen(text="other"), bulk_id=bulk.pk)
    with pytest.raises(start.OtherBulkRetry):
        asked_by(pia, bulk_id=bulk.pk)
    assert (BulkRetry.objects.count(), BulkRetryItem.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("how", "pointer"),
    [({"reason": " "}, "/reason"), ({"rate": 0}, "/rate"), ({"rate": 601}, "/rate")],
)
def test_what_is_wrong_is_named(how: dict[str, Any], pointer: str, failed: Any, olga: Any) -> None:
    failed()
    with pytest.raises(Invalid) as refused:
        asked_by(olga, **how)
    assert [error["pointer"] for error in refused.value.errors] == [pointer]


def test_nothing_to_retry_is_nothing_to_start(failed: Any, olga: Any) -> None:
    failed(outcome="unknown")
    with pytest.raises(Invalid) as refused:
        asked_by(olga)
    assert [error["pointer"] for error in refused.value.errors] == ["/filter"]
    assert not BulkRetry.objects.exists()


def test_idle_it_asks_one_question(failed: Any, olga: Any, django_assert_num_queries: Any) -> None:
    failed()
    bulk = asked_by(olga)
    BulkRetry.objects.filter(pk=bulk.pk).update(due_at=Now() + timedelta(minutes=1))
    with django_assert_num_queries(1):
        turn.retry_due()
