"""The action types in force, kept ready in each process: looked up by name, with compiled schemas."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from governance.data_classes import Marks
from governance.models import ActionType

# Patterns see what agents send: no look-around or back-references, so that none takes for ever.
_LINEAR = jsonschema_rs.RegexOptions()


@dataclass(frozen=True)
class Entry:
    """One action type, its compiled schema and what that marks."""

    type: ActionType
    validator: Any
    marks: Marks

    def touched(self, arguments: dict[str, Any]) -> frozenset[str]:
        """The classes of data that these arguments touch: the type's own, and those of marked properties."""
        return self.marks.of(arguments).classes.union(self.type.data_classes)

    def errors(self, arguments: dict[str, Any], pointer: str) -> list[dict[str, str]]:
        """What is wrong with the arguments, each with its place; at most 20."""
        if self.validator.is_valid(arguments):
            return []
        found = []
        for error in self.validator.iter_errors(arguments):
            steps = (str(part).replace("~", "~0").replace("/", "~1") for part in error.instance_path)
            place = pointer + "".join(f"/{step}" for step in steps)
            found.append({"pointer": place, "detail": error.message[:300]})
            if len(found) == 20:
                break
        return found


class _Catalogue:
    def __init__(self) -> None:
        self.newest = -1
        self.entries: dict[str, Entry] = {}
        self.lock = threading.Lock()

    def at(self, newest: int) -> dict[str, Entry]:
        """The entries, read again when a newer action type exists than this process knows."""
        if newest != self.newest:
            with self.lock:
                if newest != self.newest:
                    self.entries = {t.name: entry(t) for t in ActionType.objects.current()}
                    self.newest = newest
        return self.entries


def entry(action_type: ActionType) -> Entry:
    """This very version, with its schema compiled; remote references are never fetched."""
    return Entry(action_type, compiled(action_type.schema), Marks(action_type.schema))


def compiled(schema: Any) -> Any:
    """A validator (JSON Schema 2020-12 unless the schema says otherwise). Raises `ValueError`.

    References reach within the schema only: nothing is fetched from anywhere.
    """
    return jsonschema_rs.validator_for(
        schema, validate_formats=True, retriever=_fetch_nothing, pattern_options=_LINEAR
    )


def _fetch_nothing(address: str) -> Any:
    raise ValueError(f"The schema refers to {address}; only references within it are followed.")


_catalogue = _Catalogue()
at = _catalogue.at
