"""Recorded actions of agents, read into what the same agents would have sent to the API.

Two kinds of row are known: one action that an agent took, and one decision point with
the different next actions of several runs. Only what was known before the action is
passed on: never a label, a result, or an identifier that tells how a run went.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.expressions.agreement import agrees

MOST_CHARACTERS = {"title": 200, "model": 200}


class Unreadable(Exception):
    """The file does not hold recorded actions; the message names the line."""


@dataclass(frozen=True)
class Recorded:
    """A request to the API; without `body` there was nothing to propose."""

    key: str
    body: dict[str, Any] | None


def read(file: Path) -> Iterator[Recorded]:
    """The requests that a file of JSON lines stands for, gzipped or not.

    The same row always gets the same idempotency key. Raises `Unreadable`.
    """
    for place, row in lines_of(file):
        yield _recorded(row, place)


def lines_of(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects in a file of lines, gzipped or not, each with its place. Raises `Unreadable`."""
    try:
        with (
            gzip.open(file, "rt", encoding="utf-8")
            if _is_gzip(file)
            else file.open(encoding="utf-8") as lines
        ):
            for number, line in enumerate(lines, start=1):
                place = f"{file.name}, line {number}"
                yield place, _object(line, place)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise Unreadable(f"{file} cannot be read: {error}") from error


def produced_by(deployment: str, recorded: Iterator[Recorded]) -> Iterator[Recorded]:
    """The same requests, each saying that this deployment of the agent produced it."""
    for each in recorded:
        if each.body is None:
            yield each
        else:
            provenance = {**each.body.get("provenance", {}), "deployment": deployment}
            yield Recorded(each.key, {**each.body, "provenance": provenance})


def rows_in(file: Path) -> int:
    """How many rows `read` will give. Raises `Unreadable`."""
    try:
        with gzip.open(file, "rb") if _is_gzip(file) else file.open("rb") as lines:
            return sum(1 for _ in lines)
    except (OSError, EOFError) as error:
        raise Unreadable(f"{file} cannot be read: {error}") from error


def _is_gzip(file: Path) -> bool:
    with file.open("rb") as start:
        return start.read(2) == b"\x1f\x8b"


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{place}: this is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise Unreadable(f"{place}: this is neither a recorded action nor a recorded decision point.")
    return row


def _recorded(row: dict[str, Any], place: str) -> Recorded:
    if isinstance(row.get("candidates"), list):
        return Recorded(key_of(row.get("group_id")), from_decision_point(row))
    if "tool" in row:
        return Recorded(key_of(row.get("id")), from_action(row))
    raise Unreadable(f"{place}: this is neither a recorded action nor a recorded decision point.")


def key_of(id: Any) -> str:
    """The idempotency key of a row. A digest, for the row's own id may tell how its run went."""
    return "replay-" + hashlib.sha256(str(id).encode()).hexdigest()[:40]


def from_action(row: dict[str, Any]) -> dict[str, Any]:
    """The proposal with the one action of this row, its arguments as they were recorded."""
    arguments = row.get("arguments")
    if arguments is None:
        arguments = row.get("arguments_raw")
    suggestion = _suggestion(1, row, arguments)
    body = _proposal(row, [suggestion])
    if isinstance(row.get("model"), str):
        body["provenance"] = {"model": row["model"][: MOST_CHARACTERS["model"]]}
    return body


def from_decision_point(row: dict[str, Any]) -> dict[str, Any] | None:
    """The proposal with the candidates that are calls, ranked anew; None when there are none."""
    calls = [c for c in row["candidates"] if isinstance(c, dict) and c.get("kind") == "call"]
    calls.sort(key=lambda candidate: candidate.get("rank", 0))
    suggestions = [_measured(rank, candidate) for rank, candidate in enumerate(calls, start=1)]
    return _proposal(row, suggestions) if suggestions else None


def _measured(rank: int, candidate: dict[str, Any]) -> dict[str, Any]:
    shares = ("confidence", "success_probability")
    known = {share: candidate[share] for share in shares if candidate.get(share) is not None}
    return _suggestion(rank, candidate, candidate.get("arguments")) | known


def _suggestion(rank: int, said: dict[str, Any], arguments: Any) -> dict[str, Any]:
    suggestion = {"rank": rank, "action": said.get("tool"), "arguments": arguments}
    if said.get("rationale"):
        suggestion["explanation"] = said["rationale"]
    return suggestion


def _proposal(row: dict[str, Any], suggestions: list[dict[str, Any]]) -> dict[str, Any]:
    context: dict[str, Any] = {"messages": _messages(row, [one.get("explanation") for one in suggestions])}
    if row.get("domain"):
        context["domain"] = row["domain"]
    return {"title": _title(suggestions[0]["action"]), "context": context, "suggestions": suggestions}


def _messages(row: dict[str, Any], rationales: list[Any]) -> list[dict[str, Any]]:
    """The user's last words, and the question that they answer.

    A row keeps what the agent said last, before the user's words or with its action. Where it asked and
    the user said yes to something, that came first: nobody answers what is asked with an action.
    """
    said = row.get("context") or ""
    asked = rationales[0] if len(rationales) == 1 else None
    answered = (
        isinstance(asked, str) and isinstance(said, str) and _ASKS.search(asked) and agrees(said, asked)
    )
    question = [{"role": "assistant", "content": asked}] if answered else []
    return [*question, {"role": "user", "content": said}]


_ASKS = re.compile(r"\?|\bconfirm\b", re.IGNORECASE)


def _title(tool: Any) -> str:
    words = str(tool or "An action without a name").replace("_", " ").strip()
    return (words[:1].upper() + words[1:])[: MOST_CHARACTERS["title"]] or "?"
