"""Counting what a policy would have done beside what people did, and telling it.

A tally is plain JSON and adds up: each part of a backtest counts by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from audit.ground.wilson import share
from governance.policies.policy import STRICTNESS
from suggestions.models import Disagreement
from suggestions.trying.rejudge import Outcome

# What became of a proposal. The first five were said by people.
ANSWERS = ("approved", "edited", "other", "rejected", "returned", "passed", "blocked", "nobody")
PEOPLES = ANSWERS[:5]
DEFAULTS = ""  # the name under which proposals are counted that no rule matched
_KIND = Disagreement.Kind
_WORST = {
    ("auto_approve", "rejected"): _KIND.PASSED_REJECTED,
    ("auto_approve", "returned"): _KIND.PASSED_RETURNED,
    ("auto_approve", "edited"): _KIND.PASSED_EDITED,
    ("auto_approve", "other"): _KIND.PASSED_OTHER,
    ("auto_approve", "blocked"): _KIND.PASSED_BLOCKED,
    ("block", "approved"): _KIND.BLOCKED_APPROVED,
    ("block", "edited"): _KIND.BLOCKED_APPROVED,
    ("block", "other"): _KIND.BLOCKED_APPROVED,
}


def kind_of(outcome: Outcome) -> Disagreement.Kind | None:
    """What the policy and people disagree about; None where they don't, or nobody was asked."""
    kind = _WORST.get((outcome.verdict.verdict, outcome.answer))
    if kind is None and any("error" in rule for rule in outcome.verdict.rules):
        return _KIND.NO_ANSWER
    return kind


def name_of(kind: Disagreement.Kind) -> str:
    """As results and the API spell it: `passed_rejected`."""
    return kind.name.lower()


class Tally:
    """Counts; `as_json` and `add` make many into one."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()

    def count(self, outcome: Outcome) -> None:
        verdict, answer = outcome.verdict, outcome.answer
        names = {rule["name"] for rule in verdict.rules} or {DEFAULTS}
        failed = [rule["name"] for rule in verdict.rules if "error" in rule]
        self.counts.update(
            [
                ("verdict", verdict.verdict, answer),
                ("action", outcome.action, verdict.verdict, answer),
                *(("rule", name, answer) for name in names),
                *(("error", name) for name in failed),
                *(("then", what) for what in _beside(outcome)),
            ]
        )
        if failed:
            self.counts["errors",] += 1
        if kind := kind_of(outcome):
            self.counts["kind", name_of(kind)] += 1

    def add(self, told: Iterable[list[Any]]) -> None:
        """What another tally told by `as_json`."""
        for *key, count in told:
            self.counts[tuple(key)] += count

    def as_json(self) -> list[list[Any]]:
        return [[*key, count] for key, count in self.counts.items()]


def _beside(outcome: Outcome) -> Iterable[str]:
    """What differs from the verdict that was recorded; obligations only where people look both times."""
    now, then = outcome.verdict, outcome.recorded
    was = STRICTNESS.index(then["verdict"])
    is_ = STRICTNESS.index(now.verdict)
    yield "same" if is_ == was else "stricter" if is_ > was else "looser"
    if now.verdict != "review" or then["verdict"] != "review":
        return
    yield "compared"
    if now.approvals != then["approvals"]:
        yield "more_approvals" if now.approvals > then["approvals"] else "fewer_approvals"
    if set(now.teams) != set(then.get("teams") or [then["team"]]):
        yield "other_teams"
    if now.decide_within != then["decide_within_seconds"]:
        yield "sooner" if now.decide_within < then["decide_within_seconds"] else "later"


def result(tally: Tally) -> dict[str, Any]:
    """All that a backtest measured, with Wilson intervals, as it is kept and as the API tells it."""
    seen = _Seen(tally.counts)
    proposals = sum(seen.verdict.values())
    passed, blocked, reviewed = (seen.answers(verdict) for verdict in ("auto_approve", "block", "review"))
    return {
        "proposals": proposals,
        "decided": sum(count for (_, answer), count in seen.verdict.items() if answer in PEOPLES),
        "passed": {"share": share(_all(passed), proposals).as_json(), **_answers(passed)},
        "reviewed": {"share": share(_all(reviewed), proposals).as_json(), **_answers(reviewed)},
        "blocked": {"share": share(_all(blocked), proposals).as_json(), **_answers(blocked)},
        "beside_then": {name: seen.then[name] for name in _THEN},
        "errors": tally.counts["errors",],
        "actions": [_action(name, seen.actions[name]) for name in sorted(seen.actions)],
        "rules": [_rule(name, seen, proposals) for name in sorted(seen.rules)],
        "disagreements": {name_of(kind): seen.kinds[name_of(kind)] for kind in _KIND},
    }


_THEN = (
    "same",
    "stricter",
    "looser",
    "compared",
    "more_approvals",
    "fewer_approvals",
    "other_teams",
    "sooner",
    "later",
)


class _Seen:
    """The counts by what they are of."""

    def __init__(self, counts: Counter[tuple[str, ...]]) -> None:
        self.verdict: Counter[tuple[str, str]] = Counter()
        self.actions: dict[str, Counter[tuple[str, str]]] = {}
        self.rules: dict[str, Counter[str]] = {}
        self.errors: Counter[str] = Counter()
        self.then: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        for key, count in counts.items():
            self._sort(key, count)

    def _sort(self, parts: tuple[str, ...], count: int) -> None:
        match parts:
            case ["verdict", verdict, answer]:
                self.verdict[verdict, answer] += count
            case ["action", name, verdict, answer]:
                self.actions.setdefault(name, Counter())[verdict, answer] += count
            case ["rule", name, answer]:
                self.rules.setdefault(name, Counter())[answer] += count
            case ["error", name]:
                self.errors[name] += count
            case ["then", what]:
                self.then[what] += count
            case ["kind", name]:
                self.kinds[name] += count

    def answers(self, verdict: str) -> Counter[str]:
        return _of(verdict, self.verdict)


def _of(verdict: str, counts: Counter[tuple[str, str]]) -> Counter[str]:
    return Counter({answer: count for (said, answer), count in counts.items() if said == verdict})


def _all(answers: Counter[str]) -> int:
    return sum(answers.values())


def _answers(answers: Counter[str]) -> dict[str, Any]:
    """What people said, as shares of what they were asked; and those of which they weren't."""
    decided = sum(answers[answer] for answer in PEOPLES)
    told: dict[str, Any] = {"decided": decided}
    told |= {answer: share(answers[answer], decided).as_json() for answer in PEOPLES}
    told |= {answer: answers[answer] for answer in ANSWERS if answer not in PEOPLES}
    return told


def _action(name: str, counts: Counter[tuple[str, str]]) -> dict[str, Any]:
    proposals = sum(counts.values())
    passed, blocked = _of("auto_approve", counts), _of("block", counts)
    return {
        "name": name,
        "proposals": proposals,
        "passed": {"share": share(_all(passed), proposals).as_json(), **_answers(passed)},
        "blocked": {"share": share(_all(blocked), proposals).as_json(), **_answers(blocked)},
    }


def _rule(name: str, seen: _Seen, proposals: int) -> dict[str, Any]:
    answers = seen.rules[name]
    return {
        "name": name,
        "share": share(_all(answers), proposals).as_json(),
        "errors": seen.errors[name],
        **_answers(answers),
    }


def score(result: dict[str, Any]) -> dict[str, Any]:
    """The few figures that a policy version carries as its validation score."""
    passed, blocked = result["passed"], result["blocked"]
    approved = sum(blocked[answer]["count"] for answer in ("approved", "edited", "other"))
    return {
        "proposals": result["proposals"],
        "decided": result["decided"],
        "passed": passed["share"],
        "passed_approved": passed["approved"],
        "passed_edited": passed["edited"],
        "passed_rejected": passed["rejected"],
        "blocked": blocked["share"],
        "blocked_approved": share(approved, blocked["decided"]).as_json(),
        "errors": result["errors"],
    }


def sentences(result: dict[str, Any]) -> list[str]:
    """What a backtest measured, in words."""
    proposals, passed, blocked = result["proposals"], result["passed"], result["blocked"]
    then = result["beside_then"]
    told = [
        f"Would have auto-approved {passed['share']['count']:,} of {proposals:,}; "
        f"humans rejected {passed['rejected']['count']:,} of them and edited {passed['edited']['count']:,}.",
        f"Would have blocked {blocked['share']['count']:,}; humans approved "
        f"{sum(blocked[answer]['count'] for answer in ('approved', 'edited', 'other')):,} of them.",
        f"Of {then['compared']:,} reviewed both times it asks for more approvals {then['more_approvals']:,} "
        f"times, for fewer {then['fewer_approvals']:,}, for other teams {then['other_teams']:,}, "
        f"for an earlier answer {then['sooner']:,}, for a later one {then['later']:,}.",
    ]
    if result["errors"]:
        told.append(f"In {result['errors']:,} proposals a rule could not be evaluated; it counts as review.")
    return told
