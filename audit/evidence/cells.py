"""What a spreadsheet shows of an event, which PostgreSQL cuts out of its body by place.

A body of form 1 has its members in one order: actor, at, data, id, proposal, type, v. To read it as JSON
would take as long as all the rest of an export. A body of any other form is read as JSON.
"""

from __future__ import annotations

from audit.evidence.blocks import BLOCKS, events_of_block

CELLS = ("leaf_index", "id", "at", "type", "actor", "actor_name", "proposal", "data")


def _bytes(text: str) -> str:
    return f"'\\x{text.encode().hex()}'::bytea"


# The first `,"data":{` is that member, for a quote inside of a value has a backslash before it. What follows
# the data has a known length: that of `,"id":"…","type":"…","v":1}` and perhaps of `,"proposal":"…"`.
# If the levels were not kept apart (OFFSET 0), what one has worked out would be worked out anew for each use;
# and none takes over an order that it does not ask for itself.
_ROWS = f"""
WITH events AS (
    SELECT low, found.*, convert_to(body, 'UTF8') AS bytes FROM {BLOCKS}, LATERAL ({{events}}) found
     ORDER BY low, place OFFSET 0),
places AS (
    SELECT *, position({_bytes(',"data":{')} IN bytes) AS data_from,
           octet_length(bytes) - octet_length(type) - CASE WHEN proposal_id IS NULL THEN 60 ELSE 110 END
           AS data_to
      FROM events ORDER BY low, place OFFSET 0),
known AS (
    SELECT *, data_from < data_to AND substring(bytes, octet_length(bytes) - 6) = {_bytes(',"v":1}')}
              AND substring(bytes, data_from - 34, 6) = {_bytes('"at":"')}
              AND substring(bytes, data_to, 7) = {_bytes(',"id":"')} AS of_form_1
      FROM places ORDER BY low, place OFFSET 0),
cells AS (
    SELECT low, place, place::text AS leaf_index, type, actor, actor_name, proposal_id::text AS proposal,
           CASE WHEN of_form_1 THEN convert_from(substring(bytes, data_to + 7, 36), 'UTF8')
                ELSE body::json ->> 'id' END AS id,
           CASE WHEN of_form_1 THEN convert_from(substring(bytes, data_from - 28, 27), 'UTF8')
                ELSE body::json ->> 'at' END AS at,
           CASE WHEN of_form_1
                THEN convert_from(substring(bytes, data_from + 8, data_to - data_from - 8), 'UTF8')
                ELSE body::json ->> 'data' END AS data
      FROM known ORDER BY low, place OFFSET 0)
SELECT {{cells}} FROM cells ORDER BY low, place"""


def rows_of_cells(cells: str, *, where: str) -> str:
    """A query of the events from place `begin` to before `end` (parameters) that fit, in sealed order.

    `cells` are expressions of `CELLS`, all of which are texts.
    """
    return _ROWS.format(cells=cells, events=events_of_block(where))
