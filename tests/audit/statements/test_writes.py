"""What a transaction writes as one statement, and the rows that prepared statements read."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from audit.ground.ids import uuid7
from audit.log.record import record
from audit.models import Event
from audit.statements.prepared import Rows, execute
from audit.statements.writes import FirstFailed, NotInTransaction, add, as_one, change, store, write
from governance.models import Absence, Team
from suggestions.models import Proposal, Suggestion
from tests.queries import sent, spent

pytestmark = pytest.mark.django_db


def record_one(number: int) -> None:
    record("password.changed", actor=SYSTEM, data={"user": str(number)})


def names() -> list[str]:
    return [
        name
        for (name,) in execute("SELECT name FROM governance_team WHERE length(slug) = 1 ORDER BY slug", [])
    ]


def test_what_is_gathered_is_one_statement_in_order() -> None:
    Team.objects.create(slug="c", name="third")
    team = Team.objects.get(slug="c")
    with transaction.atomic(), sent() as statements, as_one():
        store(Team(slug="a", name="first"))
        team.name = "changed"
        change(team, "name")
        write("UPDATE governance_team SET name = name || '!' WHERE slug = %s", ["nobody"])
        store(Team(slug="b", name="second"))
        add("governance_team (slug, name)", "(%s, upper(%s))", ["d", "fourth"])
        assert statements == []
    assert len(statements) == 1
    assert names() == ["first", "second", "changed", "FOURTH"]


@pytest.mark.parametrize("ask", [names, lambda: [team.name for team in Team.objects.filter(slug="a")]])
def test_whoever_asks_sees_what_was_written_before(ask: Any) -> None:
    with transaction.atomic(), as_one():
        store(Team(slug="a", name="first"))
        assert ask() == ["first"]


def test_what_stands_apart_is_asked_without_sending() -> None:
    with transaction.atomic(), sent() as statements, as_one():
        store(Team(slug="a", name="first"))
        assert execute("SELECT 1", [], apart=True) == [(1,)]
        assert len(statements) == 1
    assert len(statements) == 2


def test_of_two_changes_of_a_row_the_last_value_counts() -> None:
    team = Team.objects.create(slug="a", name="before")
    with transaction.atomic(), sent() as statements, as_one():
        for name in ("between", "after"):
            team.name = name
            change(team, "name")
    assert (names(), len(statements)) == (["after"], 1)


def test_where_the_block_raises_nothing_is_sent_and_the_next_is_free() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(), as_one():
        _ = store(Team(slug="a", name="first")), 1 / 0  # type: ignore[func-returns-value]
    with transaction.atomic():
        store(Team(slug="b", name="at once"))
        assert names() == ["at once"]


def test_a_block_within_another_leaves_it_to_that_one() -> None:
    with transaction.atomic(), sent() as statements, as_one():
        with as_one():
            store(Team(slug="a", name="first"))
        store(Team(slug="b", name="second"))
        assert statements == []
    assert (len(statements), names()) == (1, ["first", "second"])


def test_a_savepoint_holds_what_came_after_it_and_nothing_else() -> None:
    with transaction.atomic(), as_one():
        store(Team(slug="a", name="stays"))
        with transaction.atomic():
            store(Team(slug="b", name="goes"))
            assert names() == ["stays", "goes"]
            transaction.set_rollback(True)
        assert names() == ["stays"]


def test_errors_are_those_of_the_database() -> None:
    Team.objects.create(slug="a", name="first")
    with pytest.raises(IntegrityError), transaction.atomic(), as_one():
        store(Team(slug="a", name="again"))
    with pytest.raises(DataError), transaction.atomic():
        write("UPDATE governance_team SET slug = %s", ["x" * 65])


@pytest.mark.django_db(transaction=True)
def test_nothing_is_gathered_that_no_transaction_would_undo() -> None:
    with pytest.raises(NotInTransaction), as_one():
        pytest.fail("It was let in.")


def test_events_keep_their_order_among_other_rows() -> None:
    with transaction.atomic(), as_one():
        record_one(1)
        store(Team(slug="a", name="first"))
        record_one(2)
    bodies = list(Event.objects.order_by("id").values_list("body", flat=True))[-2:]
    assert ['"user":"1"' in bodies[0], '"user":"2"' in bodies[1]] == [True, True]


def test_a_stored_instance_knows_its_moment_and_asks_for_what_was_worked_out(ana: Any, ben: Any) -> None:
    away = Absence(person=ana, deputy=ben, by=ana)
    with transaction.atomic(), as_one():
        store(away, since=("now()", []), until=("now() + make_interval(days => %s)", [2]))
    kept = Absence.objects.get()
    assert away.created_at == kept.created_at
    assert (away.until, away.until - away.since) == (kept.until, kept.until - kept.since)
    assert (kept.until - kept.since).days == 2
    assert away._state.adding is False


def test_each_kind_of_value_is_stored_as_django_would(proposal: Any) -> None:
    for kept in (proposal, proposal.suggestions.get()):
        fields = [f.attname for f in kept._meta.concrete_fields if not f.generated]
        values = {name: getattr(kept, name) for name in fields}
        own = {"id": uuid7(), "idempotency_key": "another", "rank": 2}
        copy = type(kept)(**values | {name: own[name] for name in own.keys() & values.keys()})
        with transaction.atomic():
            store(copy)
        again = type(kept).objects.get(pk=copy.pk)
        for name in fields:
            assert getattr(again, name) == getattr(copy, name), name


def test_rows_are_as_the_orm_has_them(proposal: Any) -> None:
    read = Rows(Suggestion, "proposal", "action_type", where="t.proposal_id = %s", also=["t.rank + 1"])
    [found] = read([proposal.pk])
    known = Suggestion.objects.select_related("proposal", "action_type").get()
    for ours, its in [
        (found, known),
        (found.proposal, known.proposal),
        (found.action_type, known.action_type),
    ]:
        assert {f.attname: getattr(ours, f.attname) for f in ours._meta.concrete_fields} == {
            f.attname: getattr(its, f.attname) for f in its._meta.concrete_fields
        }
    assert Proposal.objects.filter(created_at__lte=Now()).get() == found.proposal
    assert read([proposal.agent_id]) == []
    assert connection.in_atomic_block


FIRST = "INSERT INTO governance_team (slug, name) VALUES (%s, %s) RETURNING 1"
SECOND = """
INSERT INTO governance_team (slug, name)
SELECT %(slug)s::text, %(slug)s::text || %(name)s RETURNING slug, name
"""


@pytest.mark.django_db(transaction=True)
def test_two_statements_of_one_trip_are_one_transaction() -> None:
    with spent() as found:
        assert execute(SECOND, {"slug": "b", "name": "!"}, after=(FIRST, ["a", "first"])) == [("b", "b!")]
    assert len(found.statements) == 2
    assert names() == ["first", "b!"]

    with pytest.raises(IntegrityError):
        execute(SECOND, {"slug": "b", "name": "?"}, after=(FIRST, ["c", "third"]))
    assert names() == ["first", "b!"]


@pytest.mark.django_db(transaction=True)
def test_where_the_first_statement_fails_the_second_is_not_run() -> None:
    Team.objects.create(slug="a", name="first")
    with pytest.raises(FirstFailed):
        execute(SECOND, {"slug": "b", "name": "!"}, after=(FIRST, ["a", "again"]))
    assert names() == ["first"]


def test_what_was_gathered_is_sent_before_both() -> None:
    with transaction.atomic(), as_one():
        store(Team(slug="a", name="first"))
        asked = execute(
            "SELECT count(*) FROM governance_team WHERE slug = ANY(%(slugs)s)",
            {"slugs": ["a", "b"]},
            after=(FIRST, ["b", "second"]),
        )
    assert asked == [(2,)]
