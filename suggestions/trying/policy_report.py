"""What a policy says of recorded actions whose outcome is known.

Each row is judged as the product judges a proposal, by the same schemas, facts and rules, but for an agent
that has earned everything: what passes or not is the policy's doing alone. What is known only afterwards
is looked at only afterwards. Nothing is asked of the database and nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.asking import gate
from audit.asking.bodies import check
from audit.ground.canonical import canonical
from audit.ground.refusals import Refusal
from audit.ground.wilson import Share, share
from governance.actions import catalogue
from governance.actions.action_types import InvalidActionType, described, normalised, parse
from governance.actions.catalogue import Entry
from governance.expressions.past import Question
from governance.models import Agent
from governance.policies.policy import Policy
from governance.trust.passing import NOTHING_KNOWN
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.draft import drafted
from suggestions.intake.judge import weighed
from suggestions.past.answers import Past
from suggestions.trying import replay

PASSED, REVIEW, BLOCKED, REFUSED = "passed", "review", "blocked", "refused"
OUTCOMES = (PASSED, REVIEW, BLOCKED, REFUSED)
_BY_VERDICT = {"auto_approve": PASSED, "review": REVIEW, "block": BLOCKED}


class NoTools(Exception):
    """Nothing defines the actions of these rows."""


@dataclass(frozen=True)
class Row:
    """One recorded action: the proposal it would have been, and what became known afterwards.

    `right` is whether the task's reference has it; None where there is none. `malformed` says what keeps
    the API from even reading it; empty where nothing does.
    """

    id: str
    model: str
    task: str
    body: dict[str, Any]
    injected: bool = False
    right: bool | None = None
    malformed: str = ""

    @property
    def action(self) -> str:
        return str(self.body["suggestions"][0]["action"])


@dataclass(frozen=True)
class Judged:
    """What the policy said of a row, and which rules matched or why it was refused."""

    row: Row
    outcome: str
    reasons: tuple[str, ...]


# --- Reading --------------------------------------------------------------------------------


def rows_of(files: Iterable[Path]) -> Iterator[Row]:
    """The labelled actions in files of JSON lines, gzipped or not. Raises `replay.Unreadable`."""
    for file in files:
        for place, content in replay.lines_of(file):
            if "tool" not in content or not isinstance(content.get("labels"), dict):
                raise replay.Unreadable(f"{place}: this is not a recorded action with labels.")
            yield _row(content)


def _row(content: dict[str, Any]) -> Row:
    labels = content["labels"]
    right = labels.get("matches_ground_truth")
    body = replay.from_action(content)
    return Row(
        id=str(content.get("id")),
        model=str(content.get("model")),
        task=str(content.get("task_id")),
        body=body,
        injected=bool(labels.get("injected_action")),
        right=None if right is None else bool(right),
        malformed=_malformed(body),
    )


def _malformed(body: dict[str, Any]) -> str:
    try:
        gate.read(json.dumps(body).encode(), limit=settings.API_BODY_BYTES)
    except Refusal as refusal:
        return str(refusal)
    return ""


def tools_in(files: Iterable[Path]) -> dict[str, Entry]:
    """The action types that files define, pessimistic where they say nothing. Raises `NoTools`."""
    known = {}
    for file in files:
        try:
            definitions = [normalised(each) for each in parse(file.read_text(encoding="utf-8"))]
        except (OSError, ValueError, InvalidActionType) as error:
            raise NoTools(f"{file} does not define actions: {error}") from error
        known.update({each["name"]: catalogue.entry(described(each)) for each in definitions})
    if not known:
        raise NoTools("No file defines the actions; name one with --tools.")
    return known


# --- Judging --------------------------------------------------------------------------------


def judged(policy: Policy, row: Row, known: dict[str, Entry]) -> Judged:
    """What the policy says of a row, by the way a proposal goes. What no schema allows is refused."""
    if row.malformed:
        return Judged(row, REFUSED, (row.malformed,))
    try:
        body = check(ProposalBody, row.body)
        proposal, suggestions, entries = drafted(Agent(name="recorded"), body, known)
    except Refusal as refusal:
        return Judged(row, REFUSED, (str(refusal),))
    past = NothingBefore.of(proposal)
    verdict = weighed(policy, proposal, suggestions, entries, NOTHING_KNOWN, stages=None, past=past)
    reasons = (*(rule["name"] for rule in verdict.rules), *verdict.notes)
    return Judged(row, _BY_VERDICT[verdict.verdict], reasons)


class NothingBefore(Past):
    """The past of a recorded action: what was done before it is not recorded, so it is the first."""

    def find(self, question: Question) -> int | Decimal | bool:
        return False if question.kind == "seen" else 0


def exchanged(rows: Sequence[Row]) -> list[Row]:
    """Every request with the actions of every other task put under it, as if somebody had planted them.

    A trial with aims that nobody recorded. An action that was also taken for the task itself is left out.
    """
    rows = [row for row in rows if not row.malformed]
    said = {request_of(row.body): row for row in rows}
    actions = {canonical(action_of(row.body)): row for row in rows}
    done: dict[str, set[bytes]] = {}
    for row in rows:
        done.setdefault(row.task, set()).add(canonical(action_of(row.body)))
    return [
        Row(f"{other.id} under {asked.task}", asked.model, asked.task, _under(asked.body, other.body), True)
        for asked in said.values()
        for action, other in actions.items()
        if action not in done[asked.task]
    ]


def request_of(body: dict[str, Any]) -> str:
    """What the user said before a recorded action."""
    return str(body["context"]["messages"][0]["content"])


def action_of(body: dict[str, Any]) -> list[Any]:
    """A recorded action and its arguments."""
    return [body["suggestions"][0]["action"], body["suggestions"][0]["arguments"]]


def _under(asked: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**other, "context": asked["context"]}


# --- Counting -------------------------------------------------------------------------------


@dataclass
class Counts:
    """What became of some rows."""

    judged: list[Judged] = field(default_factory=list)

    def of(self, outcome: str) -> list[Judged]:
        return [each for each in self.judged if each.outcome == outcome]

    def share(self, *outcomes: str) -> Share:
        return share(sum(each.outcome in outcomes for each in self.judged), len(self.judged))

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": len(self.judged),
            **{outcome: len(self.of(outcome)) for outcome in OUTCOMES},
            "share_passed": self.share(PASSED).as_json(),
        }


@dataclass
class Report:
    """One policy over the rows of one domain."""

    policy: Policy
    everything: list[Judged]

    @property
    def injected(self) -> Counts:
        return Counts([each for each in self.everything if each.row.injected])

    @property
    def harmless(self) -> Counts:
        return Counts([each for each in self.everything if not each.row.injected])

    @property
    def matching(self) -> Counts:
        """Harmless, and what the task's reference has."""
        return Counts([each for each in self.harmless.judged if each.row.right])

    @property
    def others(self) -> Counts:
        """Harmless, but not what the task's reference has: other words, or a mistake."""
        return Counts([each for each in self.harmless.judged if each.row.right is False])

    def by(self, name: str) -> dict[str, Report]:
        """The same for each model, task or action."""
        groups: dict[str, list[Judged]] = {}
        for each in self.everything:
            groups.setdefault(getattr(each.row, name), []).append(each)
        return {key: Report(self.policy, groups[key]) for key in sorted(groups)}

    def disagreements(self) -> dict[str, list[Judged]]:
        """Where the policy and what is known now part: the ids to look at, with the rules that matched."""
        return {
            "injected and passed": self.injected.of(PASSED),
            "not matching and passed": self.others.of(PASSED),
            "harmless and blocked": self.harmless.of(BLOCKED),
            "matching and not passed": [each for each in self.matching.judged if each.outcome != PASSED],
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "policy": self.policy.digest,
            "rules": len(self.policy.rules),
            "injected": self.injected.as_json()
            | {"share_not_passed": self.injected.share(REVIEW, BLOCKED, REFUSED).as_json()},
            "harmless": self.harmless.as_json(),
            "matching": self.matching.as_json(),
            "others": self.others.as_json(),
            "by_action": {
                action: {"matching": part.matching.as_json(), "others": part.others.as_json()}
                for action, part in self.by("action").items()
            },
            "disagreements": {
                kind: [{"id": j.row.id, "outcome": j.outcome, "because": j.reasons} for j in found]
                for kind, found in self.disagreements().items()
            },
        }


def report(policy: Policy, rows: Iterable[Row], known: dict[str, Entry]) -> Report:
    return Report(policy, [judged(policy, row, known) for row in rows])
