from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F

from approvals.deciding import decide
from approvals.deciding.expire import expire_overdue
from audit.models import Event
from suggestions.answering.resolve import AlreadyResolved
from suggestions.models import Proposal, Resolution
from tests.conftest import actor_of


def overdue(*proposals: Any) -> None:
    Proposal.objects.filter(pk__in=[p.pk for p in proposals]).update(deadline=F("created_at"))


def test_what_nobody_decided_in_time_expires_and_the_rest_stays(propose: Any) -> None:
    late, open_still = propose(), propose()
    overdue(late)

    assert expire_overdue() == 1

    resolution = Resolution.objects.get()
    assert (resolution.proposal, resolution.status, resolution.by) == (late, "expired", "timer")
    assert Proposal.objects.get(pk=open_still.pk).status == "pending"
    [_, last] = Event.objects.filter(proposal_id=late.pk).order_by("id")
    assert (last.type, last.actor) == ("proposal.expired", "timer:sweeper")


def test_after_it_nobody_can_decide(proposal: Any, ana: Any) -> None:
    overdue(proposal)
    expire_overdue()

    with pytest.raises(AlreadyResolved):
        decide.reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="late")

    assert Resolution.objects.get().status == "expired"


def test_sweeping_again_finds_nothing(proposal: Any) -> None:
    overdue(proposal)

    assert [expire_overdue(), expire_overdue()] == [1, 0]


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_just_deciding_is_left_for_later(propose: Any) -> None:
    being_decided, other = propose(), propose()
    overdue(being_decided, other)
    expired: list[int] = []

    def sweep() -> None:
        expired.append(expire_overdue())
        connection.close()

    with transaction.atomic():
        Proposal.objects.select_for_update().get(pk=being_decided.pk)
        thread = threading.Thread(target=sweep)
        thread.start()
        thread.join(timeout=20)

    assert expired == [1]
    assert Proposal.objects.get(pk=being_decided.pk).status == "pending"
    assert expire_overdue() == 1


@pytest.mark.django_db(transaction=True)
def test_two_sweepers_expire_each_once(propose: Any) -> None:
    overdue(*(propose() for _ in range(12)))
    expired: list[int] = []

    def sweep() -> None:
        expired.append(expire_overdue())
        connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(expired) == 12
    assert Event.objects.filter(type="proposal.expired").count() == 12
