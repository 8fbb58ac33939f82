"""The signed checkpoints: the newest, those of a time, and what proves one by another."""

from __future__ import annotations

import json

from django.db import connection

from audit.models import Checkpoint, Event
from audit.sealing import stored
from audit.sealing.keys import public_keys
from audit.sealing.origin import origin_in_use
from audit.sealing.tree import consistency_proof, inclusion_proof, root
from audit.sealing.verifier import Checkpoint as Signed
from audit.sealing.verifier import VerifierKey


class NoCheckpoint(Exception):
    """Nothing was signed yet."""


def newest() -> Checkpoint:
    """The one that covers most. Raises `NoCheckpoint`."""
    found = Checkpoint.objects.order_by("size").last()
    if found is None:
        raise NoCheckpoint
    return found


def known_keys() -> list[VerifierKey]:
    """The public keys that sign now, and all that the log tells have signed: a checkpoint that somebody kept
    may be older than the key of today."""
    told = Event.objects.filter(type="signing_key.changed").order_by("pk").values_list("body", flat=True)
    signing = {key.vkey for key in public_keys(origin_in_use())}
    for body in told.iterator():
        signing.update(json.loads(body)["data"]["keys"])
    return [VerifierKey.parse(key) for key in sorted(signing)]


def begins_with(kept: Signed) -> bool:
    """Whether the log begins with the entries that a checkpoint of at most its size signs."""
    return root(kept.size, stored.hashes) == kept.root


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
