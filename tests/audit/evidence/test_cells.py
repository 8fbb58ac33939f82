"""The cells that are cut out of a body by place are those that its JSON holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from audit.evidence import cells
from audit.evidence.cells import CELLS
from audit.evidence.export import export
from audit.ground.actors import SYSTEM, Actor
from audit.ground.canonical import canonical
from audit.ground.ids import uuid7
from audit.log.read import Filters
from audit.log.record import record
from tests.sealed import seal_all
from tests.searching import searched

HOSTILE = [
    ',"data":',
    ',"data":{"x":1},"id":"',
    '","data":{',
    '"at":"',
    ',"id":"01a2041e-0000-7000-8000-000000000001","type":"a.b","v":1}',
    ',"v":1}',
    "=1+1",
    "@SUM(1)",
    "＝1",
    "\t",
    "a,b",
    'say "no"',
    "two\r\nlines",
    "\\",
    "\x01\x02",
    "é😀\u2028",
    "",
]
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1)))
DATA = st.dictionaries(TEXT, st.recursive(TEXT | st.integers(-9, 9), lambda x: st.lists(x), max_leaves=5))
EVENT = st.fixed_dictionaries(
    {"actor": st.builds(Actor, st.sampled_from(["user", "agent"]), TEXT, TEXT, TEXT, TEXT), "data": DATA},
    optional={"proposal": st.uuids()},
)
ODD = [  # nothing writes any of these
    lambda body: dict(reversed(body.items())),
    lambda body: {**body, "v": 2},
    lambda body: dict(sorted({**body, "e": {}, "v": 2}.items())),
    lambda body: {**body, "after": {"data": 1}},
    lambda body: {"a": {"data": {}, "id": "x"}, **body},
    lambda body: {**body, "id": "short"},
    lambda body: {**body, "id": "é" * 40},
    lambda body: {**body, "at": "2026-01-01T00:00:00Z"},
    lambda body: {**body, "data": "=text"},
    lambda body: {key: value for key, value in body.items() if key != "data"},
]


def add(bodies: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_event (body) SELECT unnest(%s::text[])", [list(bodies)])


def written(event: dict[str, Any], *, type: str = "proposal.submitted") -> str:
    body = {"at": "2026-01-01T00:00:00.123456Z", "id": str(uuid7()), "type": type, "v": 1, **event}
    body["actor"] = event["actor"].as_json()
    return canonical(
        {key: str(value) if key == "proposal" else value for key, value in body.items()}
    ).decode()


def cell(value: str | None) -> str:
    if value is None:
        return ""
    guarded = "'" + value if value.startswith(tuple("=+-@\t\r\n＝＋－＠")) else value
    special = guarded == "" or any(mark in guarded for mark in '",\r\n')
    return '"' + guarded.replace('"', '""') + '"' if special else guarded


def exported() -> str:
    seal_all()
    return b"".join(export("csv", Filters(), actor=SYSTEM)).decode()


def expected() -> str:
    """The same file with every body read as JSON."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT leaf_index::text, body::json ->> 'id', body::json ->> 'at', type, actor, actor_name,
                   proposal_id::text, body::json ->> 'data'
              FROM audit_leaf l JOIN audit_event ON id = event_id ORDER BY l.leaf_index""")
        rows = cursor.fetchall()
    return "".join(",".join(map(cell, row)) + "\r\n" for row in [CELLS, *rows])


@searched(200)
@given(st.lists(EVENT, min_size=1, max_size=20))
def test_a_file_holds_what_the_bodies_say_to_the_letter(db: None, events: list[dict[str, Any]]) -> None:
    add(map(written, events))
    found = exported()
    assert found == expected()


def test_what_is_not_of_the_usual_form_is_read_as_json(db: None) -> None:
    for change in ODD:
        body = json.loads(written({"actor": SYSTEM, "data": {"x": '",'}, "proposal": uuid7()}))
        spaced = json.dumps(change(body), ensure_ascii=False)
        add([spaced, json.dumps(change(body), ensure_ascii=False, separators=(",", ":"))])
    found = exported()
    assert found == expected()


def test_nothing_that_is_recorded_is_read_as_json(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "_ROWS", cells._ROWS.replace("body::json", "'null'::json"))
    for proposal in (None, uuid7()):
        record("execution.refused", actor=SYSTEM, data={"execution": "", "reason": ""}, proposal=proposal)
        record("events.exported", actor=SYSTEM, data={"format": "csv", "filters": {}}, proposal=proposal)
    found = exported()
    assert found == expected()
