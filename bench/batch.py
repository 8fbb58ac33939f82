"""(b) Batches of 500, against COPY of the same rows into the same tables."""

from __future__ import annotations

import itertools
import json
import time

import psycopg

from bench.figures import Figure, compared
from bench.filling import columns_of
from bench.given import proposal
from bench.load import KEY, Load, request
from bench.scale import Scale
from bench.stage import Stage

SIZE = 500
LEAST = 0.5
FIRST = f"(SELECT id FROM suggestions_proposal ORDER BY id LIMIT {SIZE})"
ROWS = {
    "suggestions_proposal": f"suggestions_proposal WHERE id IN {FIRST}",
    "suggestions_suggestion": f"suggestions_suggestion WHERE proposal_id IN {FIRST}",
    "audit_event": f"audit_event WHERE proposal_id IN {FIRST}",
}
NEW = {  # columns that have to differ each time
    "id": "md5(id::text || '-{0}')::uuid",
    "proposal_id": "md5(proposal_id::text || '-{0}')::uuid",
    "idempotency_key": "idempotency_key || '-{0}'",
}


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    rounds, batches = scale.of((3, 8), (2, 3), (1, 1))
    with stage.process("api") as api, stage.application() as connection:
        Load(api.port, _request(stage), count=scale.of(2, 2, 1)).run().checked()
        copies = Copies(connection)
        load = Load(api.port, _request(stage), count=batches)
        pairs = [(load.run().checked().per_second * SIZE, copies.per_second(batches)) for _ in range(rounds)]
    return [compared("b", f"batches of {SIZE}", "proposals/s", pairs, least=LEAST)]


def _request(stage: Stage) -> str:
    items = [{**proposal(), "idempotency_key": f"{KEY.decode()}-{number}"} for number in range(SIZE)]
    body = json.dumps({"proposals": items}).encode()
    return request("POST", "/api/v1/proposals/batch/", body=body, Authorization=f"Bearer {stage.key}")


class Copies:
    """The rows of one batch, copied in again and again under other keys, a transaction each."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.columns = {table: _columns(table) for table in ROWS}
        self.numbers = itertools.count()

    def per_second(self, batches: int) -> float:
        """Proposals a second; the rows are made ready beforehand, so that only taking them in counts."""
        ready = [self._rows(next(self.numbers)) for _ in range(batches)]
        self.connection.commit()
        started = time.perf_counter()
        for rows in ready:
            self._copy_in(rows)
        return batches * SIZE / (time.perf_counter() - started)

    def _rows(self, number: int) -> dict[str, bytes]:
        rows = {}
        with self.connection.cursor() as cursor:
            for table, source in ROWS.items():
                selected = ", ".join(NEW.get(name, name).format(number) for name in self.columns[table])
                with cursor.copy(f"COPY (SELECT {selected} FROM {source}) TO STDOUT") as out:
                    rows[table] = b"".join(bytes(piece) for piece in out)
        return rows

    def _copy_in(self, rows: dict[str, bytes]) -> None:
        with self.connection.cursor() as cursor:
            for table, text in rows.items():
                with cursor.copy(f"COPY {table} ({', '.join(self.columns[table])}) FROM STDIN") as into:
                    into.write(text)
        self.connection.commit()


def _columns(table: str) -> list[str]:
    return ["body"] if table == "audit_event" else columns_of(table)
