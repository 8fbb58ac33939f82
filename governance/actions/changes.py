"""What taking in a definition would change: new or instead of another, what differs, and how bad that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.ground.canonical import digest
from audit.ground.refusals import Refusal
from governance.models import ActionType
from governance.schemas.data_classes import SENSITIVE, Marks

_WORSE = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}
_SAID = {
    "readOnlyHint": "it would count as only reading",
    "destructiveHint": "it would no longer count as destroying anything",
    "idempotentHint": "doing it twice would count as doing it once",
    "openWorldHint": "it would no longer count as reaching people outside",
}
_UNDONE = ["irreversible", "externally_reversible", "reversible", "read_only"]  # the worst first
MOST = 8


@dataclass(frozen=True)
class Change:
    """What registering a definition would do; `before` is None where there is no such type yet.

    `differs` says in short what is not as before, `milder` what would count as less dangerous,
    `taken_from` names the other source that the type came from.
    """

    name: str
    before: ActionType | None
    complete: dict[str, Any]
    differs: list[str]
    milder: list[str]
    taken_from: str = ""

    @property
    def changes(self) -> bool:
        return self.before is None or bool(self.differs)

    @property
    def kind(self) -> str:
        """new, replaces or unchanged."""
        return "new" if self.before is None else "replaces" if self.changes else "unchanged"

    @property
    def in_words(self) -> str:
        """On one line: "replaces @1: description, schema"."""
        if self.before is None:
            return "new"
        if not self.changes:
            return "unchanged"
        return f"replaces @{self.before.version}: {'; '.join([*self._from(), *self.differs])}"

    def _from(self) -> list[str]:
        return [f"it came from {self.taken_from}"] if self.taken_from else []


@dataclass(frozen=True)
class Registered:
    """What was registered, whether that made a new version, and what it changed."""

    action_type: ActionType
    new: bool
    change: Change


class NeedsConsent(Refusal):
    """It would be done if somebody said that it is meant; `changes` are those in question."""

    begin, flag = "", ""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = list(changes)
        told = "; ".join(f"{change.name}: {', '.join(self.why(change))}" for change in changes[:MOST])
        more = f"; and {len(changes) - MOST} more" if len(changes) > MOST else ""
        super().__init__(
            f"{self.begin} {told}{more}. Nothing was registered; if it is meant, say {self.flag}.",
            action_types=[change.name for change in changes],
        )

    def why(self, change: Change) -> list[str]:
        raise NotImplementedError


class MilderHazards(NeedsConsent):
    begin, flag = "These would count as less dangerous than they do now:", "accept-milder"

    def why(self, change: Change) -> list[str]:
        return change.milder


class TakenOver(NeedsConsent):
    begin, flag = "These names are taken by tools of another source:", "take-over"

    def why(self, change: Change) -> list[str]:
        return [f"from {change.taken_from}"]


def change_of(before: ActionType | None, complete: dict[str, Any], source: str) -> Change:
    """What this complete definition would change, coming from that source."""
    name = complete["name"]
    if before is None or before.definition_digest == digest(complete):
        return Change(name, before, complete, [], [])
    is_other = bool(before.source) and before.source != source
    return Change(
        name,
        before,
        complete,
        differs=_differs(before, complete) or ["spelling"],
        milder=_milder(before, complete),
        taken_from=before.source if is_other else "",
    )


def _differs(before: ActionType, after: dict[str, Any]) -> list[str]:
    found = [
        f"{hint} {str(was).lower()} → {str(after['annotations'][hint]).lower()}"
        for hint, was in before.annotations.items()
        if after["annotations"][hint] != was
    ]
    if before.reversibility != after["reversibility"]:
        found.append(f"reversibility {before.reversibility} → {after['reversibility']}")
    found += _arguments(before.schema, after["schema"])
    for word in ("description", "data_classes", "template", "workflow"):
        if getattr(before, word) != after[word]:
            found.append(word.replace("_", " "))
    return found


def _arguments(before: Any, after: Any) -> list[str]:
    """Which arguments are new, gone or asked for otherwise."""
    if before == after:
        return []
    was, now = before.get("properties") or {}, after.get("properties") or {}
    must, must_now = set(before.get("required") or []), set(after.get("required") or [])
    groups = {
        "new": [name for name in now if name not in was],
        "gone": [name for name in was if name not in now],
        "changed": [n for n in was if n in now and (was[n] != now[n] or (n in must) != (n in must_now))],
    }
    told = [
        f"arguments {word}: {', '.join(names[:MOST])}{' and more' if names[MOST:] else ''}"
        for word, names in groups.items()
        if names
    ]
    return told or ["schema"]


def _milder(before: ActionType, after: dict[str, Any]) -> list[str]:
    """What would count as less dangerous; whoever imported last would decide that, unseen."""
    found = [
        _SAID[hint]
        for hint, worse in _WORSE.items()
        if before.annotations[hint] == worse and after["annotations"][hint] != worse
    ]
    if _UNDONE.index(after["reversibility"]) > _UNDONE.index(before.reversibility):
        found.append(f"it would count as {after['reversibility'].replace('_', ' ')}")
    was, now = Marks(before.schema), Marks(after["schema"])
    lost = {*was.classes, *before.data_classes} - {*now.classes, *after["data_classes"]}
    if lost:
        found.append(f"it would no longer count as touching {', '.join(sorted(lost))}")
    if _sensitive(was) > _sensitive(now):
        found.append("fewer of its arguments would be masked")
    return found


def _sensitive(marks: Marks) -> int:
    return sum(part.get(SENSITIVE) is True for _, part in marks.parts)
