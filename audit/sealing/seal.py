"""The sealer: gives committed events their place in the Merkle tree, and signs its root now and then.

Numbers of events are drawn before transactions commit, so one can appear below others that are sealed
already. It gets the next place. What is below `floor` is decided: each is sealed or was never committed.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from audit.ground.actors import Actor
from audit.log.record import record
from audit.sealing import stored
from audit.sealing.keys import signers
from audit.sealing.lag import SIGN_AFTER
from audit.sealing.origin import origin
from audit.sealing.tree import root
from audit.sealing.verifier import TILE_WIDTH, Checkpoint, tree_hash

AT_ONCE = 20_000  # events of one transaction
SIGN_AT = 1_000  # leaves that no checkpoint covers, after which one is signed at once
SEALER = Actor(type="system", id="sealer", name="sealer")


@transaction.atomic
def seal() -> int:
    """Seal the events that are committed by now, at most `AT_ONCE`, and sign where it is time.

    Returns how many it sealed. One sealer works at a time; another returns 0 at once. Nobody who writes
    events waits for it, and it waits for nobody.
    """
    sealer = _locked()
    if sealer is None:
        return 0
    decided = _decided(sealer)  # first: what was committed by then is found below
    size = stored.tree_size()
    leaves = _add_leaves(sealer.floor, size)
    _add_nodes(size, [digest for _, digest in leaves])
    sealer.floor = decided if len(leaves) < AT_ONCE else min(decided, leaves[-1][0])
    _sign_where_due(sealer, size + len(leaves))
    sealer.save()
    return len(leaves)


# --- What the sealer remembers -------------------------------------------------------------------


@dataclass
class _Sealer:
    """Its one row. Once nobody whom it `waits_for` is at work any more, what is up to `head` is decided."""

    origin: str
    floor: int
    head: int
    waits_for: list[str]
    keys: list[str]
    signed_size: int
    is_time: bool

    def save(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE audit_sealer SET floor = %s, head = %s, waits_for = %s",
                [self.floor, self.head, self.waits_for],
            )


def _locked() -> _Sealer | None:
    """What the sealer remembers, locked; None while another is at work."""
    return _lock() or (None if _has_begun() else _begin())


def _lock() -> _Sealer | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT origin, floor, head, waits_for, keys, signed_size,
                   signed_at <= clock_timestamp() - make_interval(secs => %s)
              FROM audit_sealer FOR UPDATE SKIP LOCKED""",
            [SIGN_AFTER],
        )
        row = cursor.fetchone()
    return row and _Sealer(*row)


def _has_begun() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM audit_sealer)")
        (found,) = cursor.fetchone()
    return bool(found)


def _begin() -> _Sealer | None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_sealer (origin) VALUES (%s) ON CONFLICT DO NOTHING", [origin()])
    return _lock()


def _decided(sealer: _Sealer) -> int:
    """Up to which number no event can appear any more that is not there yet."""
    if sealer.waits_for:
        if set(sealer.waits_for) & _writers():
            return sealer.floor
        sealer.waits_for = []
        return sealer.head
    # The last number first: whoever drew one of those is a writer until it is committed or rolled back.
    sealer.head = _last_number()
    sealer.waits_for = sorted(_writers())
    return sealer.floor if sealer.waits_for else sealer.head


def _last_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_event_id_seq")
        (number,) = cursor.fetchone()
    return int(number)


def _writers() -> set[str]:
    """The transactions that may have written events: an INSERT locks the table before it draws a number."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT virtualtransaction FROM pg_locks
             WHERE locktype = 'relation' AND relation = 'audit_event'::regclass AND mode = 'RowExclusiveLock'
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND pid IS DISTINCT FROM pg_backend_pid()""")
        return {name for (name,) in cursor.fetchall()}


# --- Leaves and what is above them ---------------------------------------------------------------

# Statistics may take a table for empty that is not, or that is not when this ends. So each event is looked
# up by itself (OFFSET 0: no join), and all of them before the first is added (arrays).
_ADD_LEAVES = r"""
WITH unsealed AS (
    SELECT id, sha256('\x00'::bytea || convert_to(body, 'UTF8')) AS hash FROM audit_event
     WHERE id > %(floor)s AND NOT EXISTS (SELECT FROM audit_leaf WHERE event_id = audit_event.id OFFSET 0)
     ORDER BY id LIMIT %(most)s),
in_order AS (
    SELECT array_agg(id ORDER BY id) AS ids, array_agg(hash ORDER BY id) AS hashes FROM unsealed),
added AS (
    INSERT INTO audit_leaf (leaf_index, event_id, hash)
    SELECT %(size)s + place - 1, id, hash
      FROM in_order, unnest(ids, hashes) WITH ORDINALITY AS one (id, hash, place)
    RETURNING leaf_index, event_id, hash)
SELECT event_id, hash FROM added ORDER BY leaf_index"""


def _add_leaves(floor: int, size: int) -> list[tuple[int, bytes]]:
    """Put events that are not sealed yet at the end of the tree: their numbers and hashes."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD_LEAVES, {"floor": floor, "size": size, "most": AT_ONCE})
        return [(number, bytes(digest)) for number, digest in cursor.fetchall()]


def _add_nodes(size: int, hashes: list[bytes]) -> None:
    """Add the hash of each tile that these fill up, beginning where the tree had so many leaves."""
    level, first, found = 0, size, hashes
    rows: list[tuple[int, int, bytes]] = []
    while (first + len(found)) // TILE_WIDTH > first // TILE_WIDTH:
        begun = first % TILE_WIDTH
        found = stored.hashes(level, first - begun, begun) + found if begun else found
        first //= TILE_WIDTH
        whole = range(0, len(found) - len(found) % TILE_WIDTH, TILE_WIDTH)
        found = [tree_hash(found[place : place + TILE_WIDTH]) for place in whole]
        level += 1
        rows += [(level, first + place, digest) for place, digest in enumerate(found)]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO audit_node (level, index, hash)
                   SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])""",
                [list(column) for column in zip(*rows, strict=True)],
            )


# --- Signing -------------------------------------------------------------------------------------


def _sign_where_due(sealer: _Sealer, size: int) -> None:
    if size == sealer.signed_size or not (sealer.is_time or size - sealer.signed_size >= SIGN_AT):
        return
    found = root(size, stored.hashes)
    text = Checkpoint(sealer.origin, size, found).text
    signing = signers(sealer.origin)
    keys = [signer.public.vkey for signer in signing]
    note = text + "\n" + "".join(signer.line(text) for signer in signing)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_checkpoint (size, root, note) VALUES (%s, %s, %s)", [size, found, note]
        )
        cursor.execute(
            "UPDATE audit_sealer SET signed_size = %s, signed_at = clock_timestamp(), keys = %s",
            [size, keys],
        )
    if keys != sealer.keys:
        record("signing_key.changed", actor=SEALER, data={"keys": keys, "before": sealer.keys})
