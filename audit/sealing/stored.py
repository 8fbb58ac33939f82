"""The tree as PostgreSQL holds it: leaves, the hashes above them, and what the sealer remembers."""

from __future__ import annotations

from django.db import connection

_LEAVES = "SELECT hash FROM audit_leaf WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index"
_NODES = "SELECT hash FROM audit_node WHERE level = %s AND index >= %s AND index < %s ORDER BY index"
_BODIES = """
SELECT e.body FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id
 WHERE l.leaf_index >= %s AND l.leaf_index < %s ORDER BY l.leaf_index"""


class Missing(Exception):
    """Hashes or events that belong to the tree are not there: somebody took them out."""


def tree_size() -> int:
    """How many events are sealed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(leaf_index) + 1, 0) FROM audit_leaf")
        (size,) = cursor.fetchone()
    return int(size)


def place_of(event_id: int) -> int | None:
    """The place of an event, from 0; None while it is not sealed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT leaf_index FROM audit_leaf WHERE event_id = %s", [event_id])
        row = cursor.fetchone()
    return int(row[0]) if row else None


def hashes(level: int, first: int, count: int) -> list[bytes]:
    """So many hashes of a level of tiles, in their order. Raises `Missing`."""
    with connection.cursor() as cursor:
        if level == 0:
            cursor.execute(_LEAVES, [first, first + count])
        else:
            cursor.execute(_NODES, [level, first, first + count])
        found = [bytes(value) for (value,) in cursor.fetchall()]
    if len(found) != count:
        raise Missing(f"{count - len(found)} of {count} hashes of level {level} from {first} on")
    return found


def bodies(first: int, count: int) -> list[bytes]:
    """The exact bytes of so many events in sealed order. Raises `Missing`."""
    with connection.cursor() as cursor:
        cursor.execute(_BODIES, [first, first + count])
        found = [body.encode() for (body,) in cursor.fetchall()]
    if len(found) != count:
        raise Missing(f"{count - len(found)} of {count} events from leaf {first} on")
    return found
