from __future__ import annotations

from argparse import ArgumentParser
from base64 import b64encode
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.models import Checkpoint
from audit.sealing import checkpoints
from audit.sealing.verifier import write_proof


class Command(BaseCommand):
    help = (
        "Print the proof that an entry lies in the log as a checkpoint signs it (c2sp.org/tlog-proof@v1), "
        "or that the entries of an earlier checkpoint lie unchanged in a later one (base64, a hash a line)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        asked = parser.add_mutually_exclusive_group(required=True)
        asked.add_argument("--leaf", type=int, metavar="INDEX", help="place of the entry, from 0")
        asked.add_argument("--since", type=int, metavar="SIZE", help="size of the earlier checkpoint")
        parser.add_argument("--size", type=int, help="size of the checkpoint to prove it by; else the newest")

    def handle(
        self, *args: Any, leaf: int | None, since: int | None, size: int | None, **options: Any
    ) -> None:
        checkpoint = self._checkpoint(size)
        if leaf is not None:
            if not 0 <= leaf < checkpoint.size:
                raise CommandError(f"--leaf is from 0 to {checkpoint.size - 1} in this checkpoint.")
            hashes = checkpoints.proof_of(leaf, checkpoint.size)
            self.stdout.write(write_proof(leaf, hashes, checkpoint.note), ending="")
            return
        if since is None or not 0 < since <= checkpoint.size:
            raise CommandError(f"--since is from 1 to {checkpoint.size}: an empty tree proves nothing.")
        for one in checkpoints.proof_between(since, checkpoint.size):
            self.stdout.write(b64encode(one).decode())

    def _checkpoint(self, size: int | None) -> Checkpoint:
        try:
            return checkpoints.newest() if size is None else Checkpoint.objects.get(size=size)
        except checkpoints.NoCheckpoint:
            raise CommandError("Nothing was signed yet: the worker seals within a second or two.") from None
        except Checkpoint.DoesNotExist:
            raise CommandError(f"No checkpoint has the size {size}.") from None
