"""The log is held against the rows: what verbs did is as it says, and whatever else was done is found."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

from audit.models import Event
from insights.fsck.checks import CHECKS
from suggestions.models import Proposal
from tests.insights.fsck.tampering import TAMPERINGS, Tampering

pytestmark = pytest.mark.django_db


def found(*names: str) -> list[Any]:
    return [one for check in CHECKS if not names or check.name in names for one in check.find()]


def test_what_the_verbs_did_is_as_the_log_says(world: Any) -> None:
    assert list(map(str, found())) == []


def test_whatever_is_done_past_the_verbs_is_found_and_named(world: Any) -> None:
    missed = [one.statement for one in TAMPERINGS if not _is_found(one)]
    assert missed == []
    assert list(map(str, found())) == []  # each was taken back


def _is_found(tampering: Tampering) -> bool:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(tampering.statement)
            [subject] = cursor.fetchone() or [""]
        subjects = {one.subject for one in found(tampering.check)}
        transaction.set_rollback(True)
    return str(subject) in subjects


def test_something_is_done_that_each_check_has_to_find() -> None:
    assert {check.name for check in CHECKS} == {one.check for one in TAMPERINGS}


def test_an_event_of_another_form_is_named_and_stops_nothing(governed: Any, propose: Any) -> None:
    proposal = propose()
    Proposal.objects.filter(pk=proposal.pk).update(status="rejected")
    body = Event.objects.get(type="proposal.submitted").body
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (body) VALUES (%s) RETURNING id",
            [body.replace("proposal.submitted", "proposal.escalated")],
        )
        [forged] = cursor.fetchone() or [0]

    odd, changed = found("proposals")

    assert (odd.kind, odd.subject, odd.event) == ("event", str(forged), forged)
    assert (changed.kind, changed.subject) == ("proposal", str(proposal.pk))
