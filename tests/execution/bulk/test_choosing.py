"""What a bulk retry would do: which executions are meant, and which had better be left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from execution.bulk.choosing import Chosen, choices, preview
from execution.healing import breakers
from execution.models import Attention, Breaker, Execution
from governance.trust import halts

pytestmark = pytest.mark.django_db


def meant(chosen: Chosen, person: Any) -> list[Any]:
    return [one.execution for one in preview(chosen, person).retried]


def test_what_needs_attention_is_meant_the_urgent_first(failed: Any, approved: Any, olga: Any) -> None:
    first, urgent, last = failed(), failed(), failed()
    Execution.objects.filter(pk=urgent.pk).update(priority=0)
    approved(None)

    assert meant(Chosen(), olga) == [urgent.pk, first.pk, last.pk]


def test_it_is_narrowed_by_what_people_know_of_an_outage(failed: Any, shop: Any, olga: Any) -> None:
    mail, refund = failed("/mail"), failed("/refunds")
    Attention.objects.filter(execution=mail).update(since=Now() - timedelta(hours=2))
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    both = [mail.pk, refund.pk]
    for chosen, expected in [
        (Chosen(action="refund_payment"), both),
        (Chosen(agent="support-bot"), both),
        (Chosen(route=f"POST {shop.url}/mail"), [mail.pk]),
        (Chosen(text="503 OF /refunds"), [refund.pk]),
        (Chosen(since=hour_ago), [refund.pk]),
        (Chosen(route=f"POST {shop.url}/mail", since=hour_ago), []),
    ]:
        assert meant(chosen, olga) == expected, chosen
        assert Chosen.from_json(chosen.as_json()) == chosen
    assert {name: [tuple(one) for one in found] for name, found in choices(olga).items()} == {
        "action": [("refund_payment", 2)],
        "agent": [("support-bot", 2)],
        "route": [(f"POST {shop.url}/mail", 1), (f"POST {shop.url}/refunds", 1)],
    }


@pytest.mark.parametrize("name", ["action", "agent"])
def test_a_name_that_is_nobodys_is_a_mistake(name: str, failed: Any, olga: Any) -> None:
    failed()
    with pytest.raises(Invalid) as refused:
        preview(Chosen(**{name: "nobody"}), olga)
    assert [error["pointer"] for error in refused.value.errors] == [f"/filter/{name}"]


def test_what_has_needed_attention_only_since_one_looked_is_none_of_it(failed: Any, olga: Any) -> None:
    first = failed()
    seen = preview(Chosen(), olga)
    failed()

    assert [one.execution for one in preview(Chosen(), olga, as_of=seen.as_of).retried] == [first.pk]


def test_only_what_the_person_may_see_is_meant(failed: Any, ana: Any, cyd: Any) -> None:
    execution = failed()
    assert (meant(Chosen(), ana), meant(Chosen(), cyd)) == ([execution.pk], [])


def test_what_could_act_twice_is_left_out(failed: Any, olga: Any) -> None:
    failed(outcome="unknown")
    sure = failed(outcome="unknown", idempotent=True)

    found = preview(Chosen(), olga)

    assert ([one.execution for one in found.retried], found.counts) == ([sure.pk], {"doubt": 1})


def test_what_is_being_undone_is_left_out(failed: Any, olga: Any) -> None:
    failed()
    Execution.objects.update(undoing=True)
    assert preview(Chosen(), olga).counts == {"undoing": 1}


def test_what_a_kill_switch_stops_is_left_out(failed: Any, agent: Any, olga: Any) -> None:
    failed()
    halts.throw("action", action="refund_payment", reason="x", actor=SYSTEM)
    assert preview(Chosen(), olga).counts == {"halt": 1}


def test_what_has_no_route_that_may_be_asked_is_left_out(failed: Any, shop: Any, olga: Any) -> None:
    failed("/mail")
    refund = failed("/refunds")
    breakers.open_by_hand(f"POST {shop.url}/mail", actor=SYSTEM, reason="It moves.")

    found = preview(Chosen(), olga)
    assert ([one.execution for one in found.retried], found.counts) == ([refund.pk], {"shut": 1})

    Breaker.objects.update(until=Now() - timedelta(seconds=1))  # who comes now tries it
    assert preview(Chosen(), olga).counts == {}


def test_the_preview_asks_as_much_however_many_there_are(
    failed: Any, olga: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        failed()
    with django_assert_max_num_queries(9):
        assert len(preview(Chosen(), olga).retried) == 12
