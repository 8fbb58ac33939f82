"""Notices: who is owed what, once; nothing of what an agent wrote is in them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from approvals.models import Notice, Target, Wishes
from approvals.telling.kinds import Kind
from approvals.telling.owe import owe
from audit.record import NotInTransaction


def owed(kind: Kind, proposal: Any, *people: Any, occasion: str = "") -> None:
    with transaction.atomic():
        owe(kind, proposal, people, occasion=occasion)


def target(user: Any, **fields: Any) -> Target:
    return Target.objects.create(
        user=user, name="mine", service="Webhook", shown="hooks.example", sealed=b"x", **fields
    )


def test_each_is_owed_a_thing_once_for_each_occasion(proposal: Any, ana: Any, ben: Any) -> None:
    for occasion in ("1", "1", "2"):
        owed(Kind.ASSIGNED, proposal, ana, ben, occasion=occasion)

    assert Notice.objects.filter(user=ana).count() == 2
    assert Notice.objects.filter(user=ben).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_notice_is_owed_in_the_transaction_of_its_cause(proposal: Any, ana: Any) -> None:
    with pytest.raises(NotInTransaction):
        owe(Kind.ASSIGNED, proposal, [ana])
    with transaction.atomic():
        owe(Kind.ASSIGNED, proposal, [ana])
        transaction.set_rollback(True)

    assert not Notice.objects.exists()


def test_nothing_is_owed_outside_to_somebody_without_an_address(proposal: Any, ana: Any, ben: Any) -> None:
    target(ben)

    owed(Kind.ASSIGNED, proposal, ana, ben)

    assert dict(Notice.objects.values_list("user__username", "outside")) == {"ana": "none", "ben": "waiting"}


def test_who_wants_nothing_of_a_topic_gets_nothing(proposal: Any, ana: Any, ben: Any) -> None:
    off = {"page": False, "browser": False, "outside": "off"}
    Wishes.objects.create(user=ana, topics={"assigned": off})

    owed(Kind.ASSIGNED, proposal, ana, ben)

    assert [notice.user for notice in Notice.objects.all()] == [ben]
