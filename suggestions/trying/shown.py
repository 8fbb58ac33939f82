"""What backtests measured, as pages show it: rows of small tables, each share with its interval."""

from __future__ import annotations

from typing import Any

from audit.ground.figures import count, percent
from audit.ground.wilson import share
from suggestions.trying.rejudge import Chosen
from suggestions.trying.tally import PEOPLES, sentences

VERDICTS = (("passed", "Would pass"), ("reviewed", "Would be reviewed"), ("blocked", "Would be blocked"))
SAID = {
    "approved": "Approved as it was",
    "edited": "Changed, then approved",
    "other": "Chose another suggestion",
    "rejected": "Rejected",
    "returned": "Returned",
}
BESIDE = (
    ("stricter", "Is stricter than what was said then"),
    ("looser", "Is looser than what was said then"),
    ("more_approvals", "Asks for more approvals"),
    ("fewer_approvals", "Asks for fewer approvals"),
    ("other_teams", "Asks other teams"),
    ("sooner", "Asks for a decision sooner"),
    ("later", "Leaves more time to decide"),
)


def chosen_words(chosen: Chosen) -> str:
    """Which proposals, in words."""
    words = [f"Up to the newest {chosen.newest:,}"]
    if chosen.agent:
        words.append(f"of {chosen.agent}")
    if chosen.action:
        words.append(f"that propose {chosen.action}")
    if chosen.since:
        words.append(f"since {chosen.since:%-d %b %Y %H:%M}".removesuffix(" 00:00"))
    if chosen.until:
        words.append(f"before {chosen.until:%-d %b %Y %H:%M}".removesuffix(" 00:00"))
    return " ".join(words)


def result_shown(result: dict[str, Any]) -> dict[str, Any]:
    """All of a result that a page shows."""
    return {
        "sentences": sentences(result),
        "proposals": count(result["proposals"]),
        "decided": count(result["decided"]),
        "said": list(SAID.values()),
        "verdicts": [_verdict(name, label, result[name]) for name, label in VERDICTS],
        "beside": _beside(result),
        "actions": [_action(action) for action in result["actions"]],
        "rules": [_rule(rule) for rule in result["rules"]],
    }


def _verdict(name: str, label: str, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "share": shown(told["share"]),
        "answers": [{"label": SAID[answer], **shown(told[answer])} for answer in PEOPLES],
        "others": count(told["passed"] + told["blocked"] + told["nobody"]),
    }


def _beside(result: dict[str, Any]) -> list[dict[str, Any]]:
    then = result["beside_then"]
    of = {"stricter": result["proposals"], "looser": result["proposals"]}
    return [
        {"label": label, **shown(share(then[name], of.get(name, then["compared"])).as_json())}
        for name, label in BESIDE
    ]


def _action(action: dict[str, Any]) -> dict[str, Any]:
    passed, blocked = action["passed"], action["blocked"]
    return {
        "name": action["name"],
        "proposals": count(action["proposals"]),
        "passed": shown(passed["share"]),
        "passed_approved": shown(passed["approved"]),
        "passed_rejected": shown(passed["rejected"]),
        "blocked": shown(blocked["share"]),
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": rule["name"],
        "share": shown(rule["share"]),
        "approved": shown(rule["approved"]),
        "rejected": shown(rule["rejected"]),
        "errors": count(rule["errors"]) if rule["errors"] else "",
    }


def shown(told: dict[str, Any]) -> dict[str, Any]:
    """A share as people read it; of nothing there is none."""
    if not told["of"]:
        return {"count": "0", "of": "", "percent": "", "interval": ""}
    return {
        "count": count(told["count"]),
        "of": count(told["of"]),
        "percent": percent(told["share"]),
        "interval": f"{percent(told['low'])} to {percent(told['high'])}",
    }


LINES = (
    ("Would pass", "passed", "share"),
    ("… people had approved as it was", "passed", "approved"),
    ("… people had changed", "passed", "edited"),
    ("… people had rejected", "passed", "rejected"),
    ("… people had returned", "passed", "returned"),
    ("Would be reviewed", "reviewed", "share"),
    ("… people had approved as it was", "reviewed", "approved"),
    ("Would be blocked", "blocked", "share"),
    ("… people had approved as it was", "blocked", "approved"),
)


def compared(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    """Two results line by line. Where the intervals don't meet, chance alone does not explain it."""
    lines = []
    for label, verdict, what in LINES:
        a, b = first[verdict][what], second[verdict][what]
        apart = bool(a["of"] and b["of"]) and (a["low"] > b["high"] or b["low"] > a["high"])
        lines.append({"label": label, "a": shown(a), "b": shown(b), "apart": apart, "same": a == b})
    return lines
