"""What happened to a proposal, from its events; and what its events do not tell, where that concerns it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from approvals.deciding.checks import SLIPPED_IN
from approvals.detail.edited import in_short
from approvals.detail.read import Whole
from approvals.detail.what_ran import Evidence
from approvals.looking.part import Then, then_of
from audit.ground.figures import span
from audit.ground.unseen import Piece, pieces, shown
from audit.log.event_types import EVENT_TYPES
from audit.log.in_words import label
from audit.models import Event
from execution.desk import around
from governance.models import Incident, Team, User
from suggestions.models import Resolution

_VERDICTS = {
    "approve": "approved suggestion {rank}",
    "reject": "rejected it",
    "return": "returned it to the agent",
    "escalate": "escalated it to {team}",
}


_OUTCOMES = {"unknown": "has an unknown outcome: it may have taken effect", "refused": "was refused"}
_PROOF = {True: "its effect was found", None: "nobody looked for its effect"}
_ENDS = ("execution.succeeded", "execution.failed", "execution.cancelled", "execution.marked_done")


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened when; `said` is what somebody wrote about it, `looks` what they were shown."""

    at: datetime
    text: str
    sub: str = ""
    said: list[Piece] = field(default_factory=list)
    looks: list[Then] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the log holds ids or commitments of: names of people and teams, what people
    edited and wrote."""

    words: dict[str, str]
    edits: dict[str, str]
    looks: dict[str, list[Then]]
    people: dict[str, str]
    teams: dict[str, str]
    incidents: dict[str, Incident]
    evidence: Sequence[Evidence]


def timeline(whole: Whole, reader: User, evidence: Sequence[Evidence] = ()) -> list[Entry]:
    """What happened to a proposal, oldest first: how it came, and the newest events since.

    What people wrote comes from the decisions and comments, the incidents that the reader may see, and the
    `evidence` that stands with its execution; the log holds only commitments to it.
    """
    proposal, newest = whole.proposal, whole.events
    bodies = [json.loads(event.body) for event in newest]
    events = [
        around.Event(event.type, event.at, body["data"]) for event, body in zip(newest, bodies, strict=True)
    ]
    known = _known(whole, bodies, around.of_incidents(events, reader), evidence)
    entries = [_entry(event, body, known) for event, body in zip(newest, bodies, strict=True)]
    found = [entry for entry in entries if entry]
    asides = [*around.of_shared(events, known.incidents.values()), *_breakers(whole, events)]
    if asides:
        found += [Entry(one.at, one.text, shown(one.sub), pieces(one.said)) for one in asides]
        found.sort(key=lambda entry: entry.at)
    if whole.more_events:
        came = Entry(proposal.created_at, f"Proposed by {shown(proposal.agent.name)}", "the log has the rest")
        found.insert(0, came)
    return found


def _breakers(whole: Whole, events: Sequence[around.Event]) -> list[around.Aside]:
    """What befell its routes while it was carried out; asked only where it had to wait, or took another."""
    began = next((one.at for one in events if one.type == "execution.started"), None)
    healed = any(
        one.type == "execution.put_off" or (one.type == "attempt.started" and _other_way(one.data))
        for one in events
    )
    if began is None or not healed or whole.resolution is None:
        return []
    of = next((s for s in whole.suggestions if s.pk == whole.resolution.suggestion_id), None)
    ended = [one.at for one in events if one.type in _ENDS]
    until = ended[-1] if ended else None
    return (
        around.of_breakers(around.routes_of(of.action_type), events, since=began, until=until) if of else []
    )


def _other_way(data: dict[str, Any]) -> bool:
    """Whether an attempt took another route than the first."""
    number = data.get("route", "").partition(". ")[0]
    return number.isdecimal() and number != "1"


def _known(
    whole: Whole,
    bodies: Sequence[dict[str, Any]],
    incidents: dict[str, Incident],
    evidence: Sequence[Evidence],
) -> _Known:
    words = {str(comment.pk): comment.text for comment in whole.comments}
    edits, looks = {}, {}
    for decision in whole.decisions:
        words[str(decision.pk)], edits[str(decision.pk)] = decision.reason, in_short(decision)
        looks[str(decision.pk)] = list(then_of(decision.looks))
    types = {body["type"] for body in bodies}
    written = {body["data"]["comment"] for body in bodies if body["type"] == "comment.written"}
    if others := written - words.keys():
        texts = whole.proposal.comments.filter(pk__in=others).values_list("pk", "text")
        words |= {str(pk): text for pk, text in texts}
    assigned = {body["data"]["to"] for body in bodies if body["type"] == "claim.assigned"}
    people = User.objects.filter(pk__in=assigned) if assigned else []
    escalated = types & {"proposal.escalated", "proposal.escalation_skipped"}
    teams = dict(Team.objects.values_list("pk", "name")) if escalated else {}
    names = {str(user.pk): user.printed_name for user in people}
    return _Known(words, edits, looks, names, teams, incidents, evidence)


def _entry(event: Event, body: dict[str, Any], known: _Known) -> Entry | None:
    data: dict[str, Any] = body["data"]
    actor = shown(body["actor"]["name"])
    if event.type == SLIPPED_IN:  # looks like what it seems to be; who answered it is told by the page
        return Entry(event.at, f"Proposed by {shown(data['agent'])}", _more("proposal.submitted", data))
    if event.type == "decision.made":
        told = {
            "rank": data.get("rank"),
            "team": shown(known.teams.get(data.get("team", ""), "another team")),
        }
        said = _VERDICTS.get(data["verdict"], data["verdict"]).format(**told)
        said += " in the place of somebody absent" if data.get("for") else ""
        edited, words = (of.get(data["decision"], "") for of in (known.edits, known.words))
        shown_then = known.looks.get(data["decision"], [])
        return Entry(event.at, f"{actor} {said}", edited, pieces(words), shown_then)
    if event.type == "comment.written":
        return Entry(event.at, f"{actor} noted", said=pieces(known.words.get(data["comment"], "")))
    if (
        event.type.startswith("proposal.")
        and data.get("by") == Resolution.By.HUMAN
        and event.type != "proposal.approved"
    ):
        return None  # the decision says it
    facts = {"actor": actor, **{name: shown(str(value)) for name, value in data.items()}}
    if event.type in ("proposal.escalated", "proposal.escalation_skipped"):
        facts |= {end: shown(known.teams.get(data[end], data[end])) for end in ("from", "to") if end in data}
    if event.type == "claim.assigned":
        facts["to"] = shown(known.people.get(data["to"], "somebody"))
    known_type = EVENT_TYPES.get(event.type)
    words = known_type.on_proposal if known_type else ""
    if event.type == "attempt.finished":
        facts["outcome"] = _OUTCOMES.get(data["outcome"], facts["outcome"])
    text = words.format_map(_Facts(facts)) if words else label(event.type)
    if event.type == "attempt.started" and _other_way(data):
        text += ", over another route"
    if event.type in ("incident.opened", "incident.closed"):
        return _of_incident(event, text, data, known)
    return Entry(event.at, text, _more(event.type, data), pieces(_written(event, data, known)))


def _of_incident(event: Event, text: str, data: dict[str, Any], known: _Known) -> Entry:
    """With its kind and what it is about, or what it was found to be and how it was dealt with."""
    kinds = dict(Incident.Kind.choices)
    incident = known.incidents.get(data["incident"])
    if event.type == "incident.opened":
        detail = incident.detail if incident else ""
        return Entry(event.at, text, kinds.get(data["kind"], ""), pieces(detail))
    sub, said = around.came_to(incident) if incident else ("", "")
    return Entry(event.at, text, sub, pieces(said))


def _written(event: Event, data: dict[str, Any], known: _Known) -> str:
    """What somebody wrote as their evidence, if it stands with the execution still."""
    if event.type not in ("step.settled", "step.skipped", "execution.marked_done") or "said" not in data:
        return ""
    of = [one for one in known.evidence if (one.type, one.step) == (event.type, data.get("step", ""))]
    near = [one for one in of if abs(one.at - event.at) < around.AT_ONCE]
    return near[0].text if near else ""


class _Facts(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "?"


def _more(type: str, data: dict[str, Any]) -> str:
    if type == "proposal.submitted":
        rules = [shown(rule) for rule in data.get("rules", [])]
        return f"rule{'s' if len(rules) > 1 else ''} {', '.join(rules)}" if rules else ""
    if type in ("proposal.reminded", "proposal.escalated") and data.get("deadline"):
        return f"until {data['deadline'][:16].replace('T', ' ')} UTC"
    if type == "proposal.approved" and data.get("by") == Resolution.By.POLICY:
        return "by the policy"
    if type == "standing_approval.used":
        return f"{data.get('left', 0)} uses left"
    if type == "attempt.started":
        return shown(data.get("route", ""))
    if type == "execution.put_off":
        return f"for {span(data['wait_ms'] / 1000)}" if data.get("wait_ms") else ""
    if type in ("step.completed", "step.skipped"):
        return _PROOF.get((data.get("receipt") or {}).get("verified", ""), "")
    if type == "attempt.finished" and data.get("http_status"):
        return f"answered {data['http_status']}"
    reason = data.get("reason", "")
    return "" if reason.startswith("sha256:") else shown(reason)
