"""The signed checkpoints: the newest, those of a time, and what proves one by another."""

from __future__ import annotations

from django.db import connection

from audit.models import Checkpoint
from audit.sealing import stored
from audit.sealing.tree import consistency_proof, inclusion_proof


class NoCheckpoint(Exception):
    """Nothing was signed yet."""


def newest() -> Checkpoint:
    """The one that covers most. Raises `NoCheckpoint`."""
    found = Checkpoint.objects.order_by("size").last()
    if found is None:
        raise NoCheckpoint
    return found


def cosigned(checkpoint: Checkpoint) -> str:
    """The note with the signatures of the witnesses that have seen it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT line FROM audit_cosignature WHERE size = %s ORDER BY witness", [checkpoint.size]
        )
        lines = [line for (line,) in cursor.fetchall()]
    return checkpoint.note + "".join(f"{line}\n" for line in lines)


def proof_of(leaf_index: int, size: int) -> list[bytes]:
    """That a leaf lies in the first `size`: 0 ≤ `leaf_index` < `size` ≤ what is sealed."""
    return inclusion_proof(leaf_index, size, stored.hashes)


def proof_between(old: int, new: int) -> list[bytes]:
    """That the first `old` leaves lie unchanged in the first `new`: 0 < `old` ≤ `new` ≤ what is sealed."""
    return consistency_proof(old, new, stored.hashes)
