"""No change without its event: where the log takes none, no address that changes something changes it.

The fault is the database's own: before `audit_event` lies a table of the same name that takes no row, for the
one session that asks. Which addresses there are, and what each is sent, is the table of `test_access`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from psycopg.pq import TransactionStatus

from approvals.beside import claims
from tests.conftest import ApiClient, actor_of
from tests.database import taken_back
from tests.reviewapp.web.test_access import (
    API,
    BEFORE,
    CALLERS,
    CHANGES_NOTHING,
    PAGES,
    World,
    address,
    form,
    settled,  # noqa: F401
    world,  # noqa: F401
)

# How PostgreSQL says that it can't write: no room, no right, a lock that did not come, an operator's trigger.
FAULTS = {"no room": "53100", "no right": "42501", "no lock": "55P03", "a trigger": "P0001"}
# What a request may leave behind: sessions, and when a key was used last.
BESIDE = {"django_session"}
USED = ("governance_agentkey", "governance_apitoken")


# The agent carries it out itself, and so nothing of it changes there: as in `test_access`.
OF_AGENTS = {"execution:retry", "execution:mark-done", "execution:settle"}


def rows() -> list[tuple[str, str, str]]:
    """Every way to change something, and somebody who may."""
    found = []
    for table in (API, PAGES):
        for (route, method), line in table.items():
            may = [
                who
                for who, status in zip(CALLERS, line, strict=False)
                if isinstance(status, int) and status < 400
            ]
            if method != "GET" and may and route not in CHANGES_NOTHING | OF_AGENTS:
                found.append((route, method, may[-1] if "olga" not in may else "olga"))
    return found


ROWS = rows()


@contextmanager
def without_log(state: str) -> Iterator[None]:
    """Nothing can be written into the log in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE TEMP TABLE audit_event (LIKE public.audit_event INCLUDING GENERATED INCLUDING IDENTITY);
            CREATE FUNCTION pg_temp.no_room() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'the log takes nothing' USING ERRCODE = '{state}'; END $$;
            CREATE TRIGGER no_room BEFORE INSERT ON pg_temp.audit_event
                FOR EACH ROW EXECUTE FUNCTION pg_temp.no_room();
            DISCARD PLANS"""
        )
        begun = transaction.savepoint()
        yield
        if connection.connection.info.transaction_status == TransactionStatus.INERROR:
            # A statement that was a transaction of its own, which lies in that of the test here.
            transaction.savepoint_rollback(begun)
        cursor.execute("DROP TABLE pg_temp.audit_event; DISCARD PLANS")


def everything() -> dict[str, tuple[int, int]]:
    """Of each table how many rows, and a sum over all that is in them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        tables = [name for (name,) in cursor.fetchall() if name not in BESIDE]
        row = dict.fromkeys(USED, "(to_jsonb(t) - 'last_used_at')::text")
        each = (
            f"SELECT '{name}', count(*), coalesce(sum(hashtextextended({row.get(name, 't::text')}, 0)), 0)"
            f"  FROM public.{name} t"
            for name in tables
        )
        cursor.execute(" UNION ALL ".join(each))
        return {name: (count, int(total)) for name, count, total in cursor.fetchall()}


def send(world: World, route: str, method: str, caller: str) -> Any:  # noqa: F811
    body = form(route, world)
    if route.startswith("api:"):
        api = ApiClient(world.keys.get(caller, ""))
        ask = {"PUT": api.put, "POST": api.post, "DELETE": api.delete}[method]
        return ask(address(route, world).removeprefix("/api/v1/"), body, Idempotency_Key="once")
    client = world.visitor(caller)
    client.raise_request_exception = False
    fields = "&".join(f"{name}={value}" for name, value in body.items())
    path = address(route, world)
    return client.generic(method, path, fields, content_type="application/x-www-form-urlencoded")


def test_there_is_something_to_try() -> None:
    assert len(ROWS) > 120


@pytest.mark.parametrize(("route", "method", "caller"), ROWS)
def test_what_has_no_event_does_not_happen(world: World, route: str, method: str, caller: str) -> None:  # noqa: F811
    _tried(world, route, method, caller, "no room")


OF_EACH_WAY = ("api:proposals", "api:batch", "api:decisions", "api:result", "approvals:reject", "halts:throw")
# That a lock does not come means to a submission that the same one is still on its way: 409, ask again.
OTHERWISE = {("api:proposals", "no lock"), ("api:batch", "no lock")}


@pytest.mark.parametrize(
    ("route", "method", "caller", "fault"),
    [
        (*row, fault)
        for row in ROWS
        for fault in ("no right", "no lock", "a trigger")
        if row[0] in OF_EACH_WAY and (row[0], fault) not in OTHERWISE
    ],
)
def test_whatever_keeps_it_from_being_written(
    world: World,  # noqa: F811
    route: str,
    method: str,
    caller: str,
    fault: str,
) -> None:
    _tried(world, route, method, caller, fault)


def _tried(scene: World, route: str, method: str, caller: str, fault: str) -> None:
    with taken_back():
        BEFORE.get(route, lambda _: None)(scene)
        if (route, method) == ("api:claim", "DELETE"):
            person = scene.people[caller]
            claims.claim(scene.proposal.pk, user=person, actor=actor_of(person))
        before = everything()
        with without_log(FAULTS[fault]):
            answer = send(scene, route, method, caller)
        after = everything()
    changed = sorted(name for name in before if before[name] != after[name])
    assert (answer.status_code, changed) == (503, [])
    assert mail.outbox == []
    if route.startswith("api:"):
        assert answer["Content-Type"] == "application/problem+json"
        assert int(answer["Retry-After"]) > 0
