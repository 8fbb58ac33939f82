"""What the policy says of a proposal: the strictest of everything that matched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from audit.asking.answers import Answer, DocumentedAs, OneOf, left_out
from governance.policies.obligations import Obligations, kept_as, merged
from governance.policies.policy import STRICTNESS, Matched, Policy

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
    def obligations(self) -> Obligations:
        """Everything that is asked, the defaults among it."""
        told = {name: getattr(self, name) for name in (*_OF_EVERY_PROPOSAL, "ask_again_after")}
        if self.verdict != "auto_approve":
            del told["sample"]
        return Obligations.model_construct(team=" and ".join(self.teams), **told, **self.more)

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
            **{kept_as(name): _whole(value) for name, value in self.more.items()},
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
    asked = merged([m.then for m in everything], defaults)
    return Verdict(
        verdict=verdict,
        team=_team(everything, defaults),
        teams=sorted({m.then.team for m in everything if m.then.team} or {str(defaults.team)}),
        policy=policy.digest,
        rules=_told(matched),
        notes=notes,
        known=known or {},
        facts=facts or {},
        **{name: asked.pop(name) for name in _OF_EVERY_PROPOSAL},
        ask_again_after=asked.pop("ask_again_after", None),
        more={name: value for name, value in asked.items() if name not in _TOLD_ELSEWHERE},
    )


_OF_EVERY_PROPOSAL = ("approvals", "decide_within", "grace", "priority", "sample")
_TOLD_ELSEWHERE = ("verdict", "team", "risk")  # the risk of a suggestion is raised where it is judged


def _whole(value: Any) -> Any:
    """An integer where it is one: 7200.0 has to be spelled anew to be canonical JSON, 7200 does not."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _verdict(matched: Sequence[Matched], defaults: Obligations) -> str:
    stated = [m.then.verdict for m in matched if m.then.verdict and not m.error]
    verdict = max(stated, key=STRICTNESS.index) if stated else str(defaults.verdict)
    # One that failed asks for review, and takes nothing back: not even defaults that block.
    failed = ["review" for m in matched if m.error]
    return max([verdict, *failed], key=STRICTNESS.index)


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


# --- How it reads over the API, and is stored ------------------------------------------------------


class MatchedRule(Answer):
    """A rule that matched, or could not be evaluated and so asks for review."""

    name: str
    ranks: list[int] = Field(description="Of the suggestions that it matched.")
    reason: str
    then: Obligations = Field(description="What it asks for; what it does not say comes from the defaults.")
    error: str = left_out("Why it could not be evaluated.")


class KnownThen(Answer):
    """What the system knew at that moment, beside the proposal itself."""

    deployment: str = left_out("The agent's active deployment; empty without one.")
    halts: list[str] = left_out("Kill switches: `everything`, `agent`, `action:NAME`.")
    boundaries: dict[str, Any] = left_out("Of the agent, as they were set.")
    stages: list[int] = left_out("Of the agent with the action of each suggestion, 1 to 4.")
    standing_approval: str = left_out("The id of the one by which it passes.")


class FurtherObligations(Answer):
    """What is asked beyond the obligations that every proposal has. Spans are in seconds."""

    ask_again_after_seconds: float = left_out("Before that a rejected action is not asked for again.")
    rejections: int = left_out("So many distinct people have to say no.")
    four_eyes: bool = left_out("Who edited does not count among those who approve.")
    owner_may_approve: bool = left_out("The agent's owner counts like anybody else.")
    step_up: bool = left_out("A fresh log-in, and the key figure typed in.")
    second_review: float = left_out("The share of what people decide that a second one decides too, blind.")
    bulk: bool = left_out("False: decided one by one only.")
    compensate: str = left_out("`automatic`: what was done may be undone without anybody being asked.")
    remind_seconds: float = left_out("So long before the end people are reminded.")
    escalate_to: str = left_out("The team that is asked once the first was silent.")
    escalate_after_seconds: float = left_out("So long the first may be silent.")
    escalate_within_seconds: float = left_out("So long the next gets at least.")


class VerdictAnswer(FurtherObligations):
    """What the policy says of a proposal, and what is asked of those who decide. Spans are in seconds."""

    verdict: Annotated[str, OneOf(STRICTNESS)]
    sample: float = left_out("The share of what passes that a person checks afterwards, 0 to 1.")
    team: str = Field(description="The first that is asked.")
    teams: list[str] = Field(description="Every one of them has to agree.")
    approvals: int = Field(description="Of so many distinct people.")
    decide_within_seconds: float
    grace_seconds: float = Field(description="So long an approval can be undone.")
    priority: int = Field(description="0 to 100, the most pressing.")
    policy: str | None = Field(description="The digest of the version; null: there was none yet.")
    rules: list[MatchedRule]
    notes: list[str] = Field(description="What else spoke for or against it, in sentences.")
    known: KnownThen
    facts: dict[str, Any] = Field(description="What rules asked of the past, with the answers.")


VerdictAsTold = Annotated[dict[str, Any], DocumentedAs(VerdictAnswer)]
