"""Places that are asked over the network: addresses that are posted to, and witnesses (C2SP tlog-witness)."""

from __future__ import annotations

from base64 import b64encode

from django.db import connection

from audit.ground.egress import Answer, Door, request
from audit.models import Checkpoint
from audit.sealing import checkpoints
from audit.sealing.places import Place
from audit.sealing.verifier import Note, Wrong
from insights.copies.known import Contradiction, NotTaken, check_size

SECONDS = 10.0


def post(place: Place, known_size: int, newest: Checkpoint) -> None:
    """Post the checkpoint as it is; any 2xx is an acknowledgement. Raises `NotTaken`."""
    answer = _post(place.address, newest.note, key=f"{newest.size}")
    if not 200 <= answer.status < 300:
        raise NotTaken(f"it answered {answer.status}")


def ask_witness(place: Place, known_size: int, newest: Checkpoint) -> None:
    """Have the checkpoint cosigned, and keep the cosignature. Raises `NotTaken` and `Contradiction`."""
    answer = _add_checkpoint(place, known_size, newest)
    if answer.status == 409:  # it knows another size than it acknowledged to us
        knows = _size(answer)
        check_size(knows, newest)
        if knows == known_size:
            raise Contradiction(f"it knows another log of {knows} entries")
        answer = _add_checkpoint(place, knows, newest)
    if answer.status == 422:
        raise Contradiction("the log is not the continuation of the one that it knows")
    if answer.status != 200:
        raise NotTaken(f"it answered {answer.status}")
    _keep(place, newest, answer.text)


def _add_checkpoint(place: Place, known_size: int, newest: Checkpoint) -> Answer:
    hashes = checkpoints.proof_between(known_size, newest.size) if 0 < known_size < newest.size else []
    lines = [f"old {known_size}", *(b64encode(one).decode() for one in hashes), "", newest.note]
    return _post(f"{place.address}/add-checkpoint", "\n".join(lines), key=f"{newest.size}")


def _post(address: str, text: str, *, key: str) -> Answer:
    headers = {"content-type": "text/plain; charset=utf-8", "idempotency-key": key}
    return request(
        "POST", address, door=Door.CHECKPOINTS, headers=headers, content=text.encode(), timeout=SECONDS
    )


def _size(answer: Answer) -> int:
    text = answer.text.strip()
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise NotTaken("it answered 409 without the size that it knows")
    return int(text)


def _keep(place: Place, newest: Checkpoint, lines: str) -> None:
    """Keep the cosignature. Raises `NotTaken` where the witness's key did not make it."""
    if place.key is None:
        raise NotTaken("no key of the witness is known")
    try:
        signed = Note.parse(newest.note + lines).signed_by([place.key])
    except Wrong as error:
        raise NotTaken(f"its cosignature is not true: {error}") from None
    if not signed:
        raise NotTaken("its answer has no cosignature of its key")
    own = next(line for line in lines.splitlines() if line.startswith(f"\N{EM DASH} {place.key.name} "))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_cosignature (size, witness, line) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [newest.size, place.key.name, own],
        )
