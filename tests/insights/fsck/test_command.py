"""`manage.py fsck`: what it prints, how it ends, and what it looks at."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from approvals.deciding import decide
from insights.fsck.checking import one_snapshot
from insights.fsck.checks import CHECKS
from suggestions.models import Proposal
from tests.conftest import actor_of
from tests.database import owner_connection

pytestmark = pytest.mark.django_db(transaction=True)


def fsck(*arguments: str) -> tuple[int, list[str], str]:
    """Its status, the lines it prints, and what it says beside them."""
    out, beside = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("fsck", *arguments, stdout=out, stderr=beside)
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, out.getvalue().splitlines(), beside.getvalue()


def as_owner(*statements: str) -> None:
    """What the owner of the tables can do to the log, once its trigger is out of the way."""
    with owner_connection() as owner, owner.transaction():
        for statement in ("DISABLE TRIGGER USER", *statements, "ENABLE TRIGGER USER"):
            owner.execute(f"ALTER TABLE audit_event {statement}" if "TRIGGER" in statement else statement)


def test_it_ends_with_0_where_nothing_differs_and_tells_each_check(governed: Any, propose: Any) -> None:
    propose()

    status, lines, beside = fsck()

    assert (status, lines) == (0, [])
    assert [check.name for check in CHECKS if f"  {check.name}: ok" not in beside] == []
    assert beside.splitlines()[-1] == "Everything is as the log says."


def test_it_ends_with_1_and_names_what_was_changed(governed: Any, propose: Any) -> None:
    proposal = propose()
    Proposal.objects.filter(pk=proposal.pk).update(status="rejected")

    status, [line], beside = fsck("--only", "proposals, answers")
    assert status == 1
    assert line.startswith(
        f"proposals: proposal {proposal.pk}: expected status pending; found status rejected"
    )
    assert ("1 differences" in beside, "decisions" in beside) == (True, False)

    _, [line], _ = fsck("--only", "proposals", "--json")
    told = json.loads(line)
    assert told.pop("event") > 0
    assert told == {
        "check": "proposals",
        "kind": "proposal",
        "subject": str(proposal.pk),
        "expected": "status pending",
        "found": "status rejected",
    }


def test_it_ends_with_2_where_it_cannot_look(governed: Any) -> None:
    with pytest.raises(CommandError) as refused:
        fsck("--only", "proposal")
    assert refused.value.returncode == 2
    assert "There is no check proposal." in str(refused.value)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM audit_event WHERE type = 'proposal.submitted'", "no row: no event tells of it"),
        ("DELETE FROM audit_event WHERE type = 'proposal.rejected'", "status pending"),
        ("DELETE FROM audit_event WHERE type = 'decision.made'", "no row: no event tells of it"),
        (
            'UPDATE audit_event SET body = replace(body, \'"verdict":"reject"\', \'"verdict":"return"\')',
            "verdict return",
        ),
        (
            "INSERT INTO audit_event (body) SELECT body FROM audit_event WHERE type = 'proposal.rejected'",
            "that it is made once",
        ),
    ],
)
def test_what_is_done_to_the_log_differs_from_the_rows(
    governed: Any, propose: Any, statement: str, expected: str
) -> None:
    proposal = propose()
    decide.reject(proposal.pk, reviewer=governed.mara, actor=actor_of(governed.mara), reason="No.")
    assert fsck()[0] == 0

    as_owner(statement)

    status, lines, _ = fsck("--only", "proposals,answers,decisions")
    assert status == 1
    assert any(expected in line for line in lines), lines


def test_what_is_being_decided_meanwhile_is_not_seen_half(governed: Any, propose: Any) -> None:
    """Somebody decides between two checks: to both of them it did not happen yet."""
    proposal = propose()
    found = []

    def reject() -> None:
        decide.reject(proposal.pk, reviewer=governed.mara, actor=actor_of(governed.mara), reason="No.")
        connection.close()

    with one_snapshot():
        for check in CHECKS:
            found += list(check.find())
            if check.name == "proposals":
                somebody = threading.Thread(target=reject)
                somebody.start()
                somebody.join()

    assert found == []
    assert Proposal.objects.get(pk=proposal.pk).status == "rejected"


def test_it_writes_nothing(governed: Any) -> None:
    with pytest.raises(Exception, match="read-only transaction"), one_snapshot():
        Proposal.objects.update(title="Another")
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic(), one_snapshot():
        pass
