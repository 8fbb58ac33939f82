"""What the policy says of a proposal: the strictest of everything that matched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.policies.policy import STRICTNESS, Matched, Obligations, Policy

KEPT_BACK = "A rule would let this pass."  # how a note begins that says what speaks against it


@dataclass(frozen=True)
class Verdict:
    """`block`, `review` or `auto_approve`, what is asked for, and which rules said so."""

    verdict: str
    team: str
    teams: list[str]  # every one of them has to agree; `team` is the first to look
    approvals: int
    decide_within: float  # seconds
    grace: float  # seconds
    priority: int
    policy: str | None
    rules: list[dict[str, Any]]
    notes: list[str]
    known: dict[str, Any]  # what the system knew at that moment, beside the proposal itself
    sample: float = 0.0  # the share of what passes that a person checks afterwards
    ask_again_after: float | None = None  # seconds; None: as the installation has it
    facts: dict[str, Any] = field(default_factory=dict)  # what rules asked of the past, with the answers
    more: dict[str, Any] = field(default_factory=dict)  # other obligations, those that somebody stated

    @property
    def wished(self) -> str:
        """The verdict by the rules alone: `auto_approve` also where something spoke against it."""
        kept_back = self.verdict == "review" and any(note.startswith(KEPT_BACK) for note in self.notes)
        return "auto_approve" if kept_back else self.verdict

    def as_json(self) -> dict[str, Any]:
        again = self.ask_again_after
        return {
            **({} if again is None else {"ask_again_after_seconds": _whole(again)}),
            "verdict": self.verdict,
            **({"sample": self.sample} if self.verdict == "auto_approve" else {}),
            "team": self.team,
            "teams": self.teams,
            "approvals": self.approvals,
            "decide_within_seconds": _whole(self.decide_within),
            "grace_seconds": _whole(self.grace),
            "priority": self.priority,
            "policy": self.policy,
            "rules": self.rules,
            "notes": self.notes,
            "known": self.known,
            "facts": self.facts,
            **self.more,
        }


def judge(
    policy: Policy,
    matched: Sequence[Sequence[Matched]],
    *,
    against_passing: Callable[[], Sequence[str]] = list,
    known: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
) -> Verdict:
    """Merge what matched, per suggestion in rank order, into one verdict.

    The strictest verdict wins, over rules and over suggestions; obligations merge to the
    most approvals, all required teams, the shortest deadline, the highest priority, the longest
    grace, the greatest sample and the longest time before a rejected action is asked for again. What
    no rule says comes from the defaults. What would pass is reviewed where `against_passing`, asked
    only then, has a sentence that speaks against it.
    """
    defaults: Any = policy.defaults
    everything = [m for of_one in matched for m in of_one]
    verdict = max((_verdict(of_one, defaults) for of_one in matched), key=STRICTNESS.index)
    notes = [f"The rule {m.rule} could not be evaluated: {m.error}" for m in everything if m.error]
    if verdict == "auto_approve" and (against := against_passing()):
        verdict = "review"
        notes += [f"{KEPT_BACK} {sentence}" for sentence in dict.fromkeys(against)]
    said = [m.then for m in everything]
    return Verdict(
        verdict=verdict,
        team=_team(everything, defaults),
        teams=sorted({m.then.team for m in everything if m.then.team} or {str(defaults.team)}),
        approvals=max(_stated(said, "approvals"), default=defaults.approvals),
        decide_within=min(_stated(said, "decide_within"), default=defaults.decide_within),
        grace=max(_stated(said, "grace"), default=defaults.grace),
        priority=max(_stated(said, "priority"), default=defaults.priority),
        policy=policy.digest,
        rules=_told(matched),
        notes=notes,
        known=known or {},
        sample=max(_stated(said, "sample"), default=defaults.sample),
        ask_again_after=max(_stated(said, "ask_again_after"), default=defaults.ask_again_after),
        facts=facts or {},
        more=_more(everything, defaults),
    )


# How several rules' words become one: the strictest of each.
_STRICTEST: dict[str, Callable[[Iterable[Any]], Any]] = {
    "rejections": min,
    "four_eyes": any,
    "owner_may_approve": all,
    "step_up": any,
    "remind": max,
    "second_review": max,
    "bulk": all,
}


def _more(matched: Sequence[Matched], defaults: Obligations) -> dict[str, Any]:
    """What is asked beyond the obligations that every proposal has; nothing that nobody stated."""
    said = [m.then for m in matched]
    found = {
        name: strictest(stated)
        for name, strictest in _STRICTEST.items()
        if (stated := _stated(said, name) or _stated([defaults], name))
    }
    if "remind" in found:
        found["remind_seconds"] = _whole(found.pop("remind"))
    found |= _escalation(said) or _escalation([defaults])
    return found


def _escalation(said: Sequence[Obligations]) -> dict[str, Any]:
    """Who is asked after how long a silence: the soonest of those that name both."""
    named = [o for o in said if o.escalate_to and o.escalate_after]
    if not named:
        return {}
    soonest = min(named, key=lambda o: (o.escalate_after, o.escalate_to))
    found = {
        "escalate_to": soonest.escalate_to,
        "escalate_after_seconds": _whole(soonest.escalate_after or 0),
    }
    if soonest.escalate_within:
        found["escalate_within_seconds"] = _whole(soonest.escalate_within)
    return found


def _whole(seconds: float) -> float:
    """An integer where it is one: 7200.0 has to be spelled anew to be canonical JSON, 7200 does not."""
    return int(seconds) if seconds.is_integer() else seconds


def _verdict(matched: Sequence[Matched], defaults: Obligations) -> str:
    stated = [m.then.verdict for m in matched if m.then.verdict and not m.error]
    verdict = max(stated, key=STRICTNESS.index) if stated else str(defaults.verdict)
    # One that failed asks for review, and takes nothing back: not even defaults that block.
    failed = ["review" for m in matched if m.error]
    return max([verdict, *failed], key=STRICTNESS.index)


def _stated(said: Sequence[Obligations], name: str) -> list[Any]:
    return [obligations.stated[name] for obligations in said if name in obligations.stated]


def _team(matched: Sequence[Matched], defaults: Obligations) -> str:
    """The team of the most pressing rule that names one; of equals, the first by name."""
    naming = [m for m in matched if m.then.team]
    if not naming:
        return str(defaults.team)
    return str(min(naming, key=lambda m: (-(m.then.priority or 0), str(m.then.team))).then.team)


def _told(matched: Sequence[Sequence[Matched]]) -> list[dict[str, Any]]:
    """The rules that matched, once each, with the ranks of the suggestions they matched."""
    told: dict[str, dict[str, Any]] = {}
    for rank, of_one in enumerate(matched, start=1):
        for m in of_one:
            rule = told.setdefault(
                m.rule,
                {
                    "name": m.rule,
                    "ranks": [],
                    "reason": m.then.reason or "",
                    "then": m.then.written,
                },
            )
            rule["ranks"].append(rank)
            if m.error:
                rule["error"] = m.error
    return list(told.values())
