"""The sealer: every committed event once, in a dense order, under a root that anybody can compute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection, transaction

from audit.ground.actors import SYSTEM
from audit.log.record import record
from audit.models import Checkpoint, Event
from audit.sealing import keys, lag
from audit.sealing import seal as sealing
from audit.sealing.seal import seal
from tests import database
from tests.audit.sealing import rfc6962
from tests.database import owner_connection
from tests.sealed import seal_all


def leaves() -> list[tuple[int, int, bytes]]:
    return [(place, number, bytes(digest)) for place, number, digest in asked("audit_leaf", "leaf_index")]


def asked(table: str, order: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY {order}")
        return cursor.fetchall()


def sealer() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM audit_sealer")
        return dict(zip([column.name for column in cursor.description], cursor.fetchone(), strict=True))


def many(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO audit_event (body)
            SELECT '{"actor":{"id":"1","name":"bot","type":"agent"},"at":"2026-01-01T00:00:00.000000Z",'
                   '"data":{"number":' || n || '},"id":"' || gen_random_uuid() || '","type":"a.done","v":1}'
              FROM generate_series(1, %s) n""",
            [count],
        )


def due() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(lag.IS_DUE)
        return bool(cursor.fetchone()[0])


def a_checkpoint_is_due() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_sealer SET signed_at = signed_at - interval '11 seconds'")


def test_events_are_sealed_in_their_order_without_gaps(write: Any) -> None:
    numbers = [write("a.done", data={"number": number}) for number in range(7)]
    assert seal() == 7
    found = leaves()
    assert [(place, number) for place, number, _ in found] == list(enumerate(numbers))
    bodies = dict(Event.objects.values_list("pk", "body"))
    hashes = [sha256(b"\0" + bodies[number].encode()).digest() for number in numbers]
    assert [digest for *_, digest in found] == hashes
    assert seal() == 1, "the sealer's own word of its key"
    assert seal() == 0


def test_nothing_is_done_where_nothing_is_there(db: None) -> None:
    assert seal() == 0
    assert not Checkpoint.objects.exists(), "an empty tree proves nothing"


def test_every_full_tile_has_its_hash_above_it(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "AT_ONCE", 333)
    many(1_500)
    seal_all()
    hashes = [digest for *_, digest in leaves()]
    nodes = [(level, place, bytes(digest)) for level, place, digest in asked("audit_node", "level, index")]
    assert nodes == [(1, place, rfc6962.tree_hash(hashes[256 * place :][:256])) for place in range(5)]


def test_two_levels_of_tiles(db: None) -> None:
    many(66_000)
    seal_all()
    hashes = [digest for *_, digest in leaves()]
    nodes = {(level, place): bytes(digest) for level, place, digest in asked("audit_node", "level, index")}
    assert len(nodes) == 257 + 1
    assert nodes[2, 0] == rfc6962.tree_hash(hashes[:65_536])
    checkpoint = Checkpoint.objects.latest("size")
    assert bytes(checkpoint.root) == rfc6962.tree_hash(hashes[: checkpoint.size])


@pytest.mark.django_db(transaction=True)
def test_statistics_that_take_the_log_for_empty_slow_nobody(transactional_db: None, services: Any) -> None:
    many(2_000)
    seal_all()
    database.empty(services.superuser_url)  # rows are deleted, pages stay
    with owner_connection() as owner:
        owner.execute("ANALYZE audit_leaf, audit_event")
    many(2 * sealing.AT_ONCE)
    began = time.monotonic()
    assert [seal(), seal()] == [sealing.AT_ONCE] * 2
    assert time.monotonic() - began < 4


# --- Signing --------------------------------------------------------------------------------------


def test_a_checkpoint_is_signed_after_some_seconds_or_many_entries(write: Any) -> None:
    write("a.done")
    seal_all()
    assert [one.size for one in Checkpoint.objects.all()] == [1]
    write("a.done")
    seal_all()
    assert [one.size for one in Checkpoint.objects.all()] == [1]
    a_checkpoint_is_due()
    assert due()
    seal_all()
    assert [one.size for one in Checkpoint.objects.all()] == [1, 3]
    assert not due()
    many(sealing.SIGN_AT)
    seal_all()
    assert [one.size for one in Checkpoint.objects.all()] == [1, 3, 3 + sealing.SIGN_AT]


def test_a_checkpoint_is_a_note_of_origin_size_and_root(write: Any, settings: Any) -> None:
    settings.PUBLIC_URL = "https://review.example.com"
    settings.AUDIT_SIGNING_KEYS = [keys.new_key(), keys.new_key()]
    write("a.done")
    seal_all()
    [checkpoint] = Checkpoint.objects.all()
    lines = checkpoint.note.split("\n")
    assert lines[:2] == ["review.example.com/log", "1"]
    assert lines[3] == ""
    assert [line.split()[:2] for line in lines[4:-1]] == [["\N{EM DASH}", "review.example.com/log"]] * 2


def test_who_signs_stands_in_the_log_and_so_does_a_change(write: Any, settings: Any) -> None:
    first, second = keys.new_key(), keys.new_key()
    for signing in ([first], [second, first], [second]):
        settings.AUDIT_SIGNING_KEYS = signing
        write("a.done")
        seal_all()
        a_checkpoint_is_due()
        seal_all()
    told = [event.body for event in Event.objects.filter(type="signing_key.changed").order_by("pk")]
    assert len(told) == 3
    new = keys.signers(sealer()["origin"])[0].public.vkey
    assert all(new in body for body in told[1:])
    assert new not in told[0]


def test_the_log_keeps_its_name_when_its_address_changes(write: Any, settings: Any) -> None:
    settings.PUBLIC_URL = "https://one.example.com"
    write("a.done")
    seal_all()
    settings.PUBLIC_URL = "https://two.example.com"
    many(sealing.SIGN_AT)
    seal_all()
    assert {one.note.split("\n")[0] for one in Checkpoint.objects.all()} == {"one.example.com/log"}


@pytest.mark.parametrize("key", ["", "short", "!" * 44, "A" * 40, "A" * 43 + "=" + "A" * 43 + "="])
def test_a_key_that_is_none_stops_the_start_without_being_told(key: str) -> None:
    from django.core.exceptions import ImproperlyConfigured

    with pytest.raises(ImproperlyConfigured, match="key 2 of 2") as refused:
        keys.check([keys.new_key(), key])
    assert not key or key not in str(refused.value)


# --- Who else is there ----------------------------------------------------------------------------


def told() -> None:
    record("execution.refused", actor=SYSTEM, data={"execution": "", "reason": ""})


class Elsewhere:
    """A transaction on a connection of its own, that goes on when told to."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work, self._worked, self._end = work, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Elsewhere:
        self._thread.start()
        assert self._worked.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with transaction.atomic():
                self._work()
                self._worked.set()
                self._end.wait(20)
        finally:
            connection.close()


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_late_gets_the_next_place(transactional_db: None) -> None:
    with Elsewhere(told):
        with transaction.atomic():
            told()
        seal_all()
        [early] = [number for _, number, _ in leaves()][:1]
        assert sealer()["floor"] < early - 1, "one with a lower number may still appear"
    seal_all()
    places = {number: place for place, number, _ in leaves()}
    assert places[early - 1] > places[early]
    assert sorted(places.values()) == list(range(len(places)))
    seal_all()
    assert len(places) == Event.objects.count()


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_holds_up_nothing(transactional_db: None) -> None:
    def roll_back() -> None:
        told()
        transaction.set_rollback(True)

    with Elsewhere(roll_back):
        with transaction.atomic():
            told()
        seal_all()
    seal_all()
    seal_all()
    assert sealer()["floor"] >= Event.objects.latest("pk").pk
    assert not due()


@pytest.mark.django_db(transaction=True)
def test_a_second_sealer_leaves_it_to_the_first_at_once(transactional_db: None) -> None:
    with transaction.atomic():
        told()
    seal_all()
    with transaction.atomic():
        told()
    with Elsewhere(seal):
        began = time.monotonic()
        assert seal() == 0
        assert time.monotonic() - began < 1
    assert len(leaves()) == Event.objects.count()


@pytest.mark.django_db(transaction=True)
def test_writers_do_not_wait_for_the_sealer(transactional_db: None) -> None:
    many(1_000)
    seal_all()
    many(1_000)
    with Elsewhere(seal):  # it has sealed and signed, and did not commit yet
        began = time.monotonic()
        with transaction.atomic():
            told()
        assert time.monotonic() - began < 1


@pytest.mark.django_db(transaction=True)
def test_a_sealer_that_fails_on_its_way_leaves_nothing_half(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(300)
    for step in ("_add_leaves", "_add_nodes", "_sign_where_due"):
        with monkeypatch.context() as broken:
            before = getattr(sealing, step)

            def fails(*args: Any, before: Any = before) -> None:
                before(*args)
                raise ZeroDivisionError

            broken.setattr(sealing, step, fails)
            with pytest.raises(ZeroDivisionError):
                seal()
        assert (leaves(), asked("audit_node", "level"), asked("audit_checkpoint", "size")) == ([], [], [])
    seal_all()
    assert len(leaves()) == 301


@pytest.mark.django_db(transaction=True)
def test_many_writers_and_sealers_at_once_seal_each_event_once(transactional_db: None) -> None:
    def writes() -> None:
        for _ in range(40):
            with transaction.atomic():
                told()
        connection.close()

    def seals() -> None:
        while any(writer.is_alive() for writer in writers):
            seal()
        connection.close()

    writers = [threading.Thread(target=writes) for _ in range(4)]
    sealers = [threading.Thread(target=seals) for _ in range(3)]
    for thread in (*writers, *sealers):
        thread.start()
    for thread in (*writers, *sealers):
        thread.join()
    for _ in range(3):
        seal_all()
    found = leaves()
    assert [place for place, *_ in found] == list(range(len(found)))
    assert sorted(number for _, number, _ in found) == sorted(Event.objects.values_list("pk", flat=True))
    assert len(found) >= 160
    a_checkpoint_is_due()
    seal_all()
    for checkpoint in Checkpoint.objects.all():
        hashes = [digest for *_, digest in found][: checkpoint.size]
        assert len(hashes) < checkpoint.size or bytes(checkpoint.root) == rfc6962.tree_hash(hashes)


def test_how_far_it_is_behind_is_known(write: Any) -> None:
    assert lag.lag() == (0, 0)
    with transaction.atomic():
        told()
    seconds, entries = lag.lag()
    assert (0 < seconds < 60, entries) == (True, 1)
    seal_all()
    assert lag.lag()[1] == 1, "the sealer's own word of its key"
    a_checkpoint_is_due()
    seal_all()
    assert lag.lag() == (0, 0)
