"""Everything about one proposal that a person needs to decide on it, as `_detail.html` draws it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.timezone import now

from approvals.attention.seen import in_words
from approvals.deciding.quorum import missing_teams, standing_of
from approvals.deciding.voices import Version, Voices, voices
from approvals.detail.afterwards import Afterwards, afterwards
from approvals.detail.bar import Bar, bar_of, teams_in_words
from approvals.detail.conversation import Message, as_json, raw_of, take_messages
from approvals.detail.edited import CameBack, Edit, came_back, edits_of
from approvals.detail.options import Heading, Option, headings_of, options_of
from approvals.detail.precedents import Precedents, precedents
from approvals.detail.produced import Produced, produced
from approvals.detail.read import Whole, whole_of
from approvals.detail.revealed import Revealed, revealed
from approvals.detail.revised import Revised, revised
from approvals.detail.stepping_up import StepUp, step_up_of
from approvals.detail.timeline import Entry, timeline
from approvals.detail.what_ran import execution_of, held
from approvals.looking.part import now_of
from approvals.models import Decision
from approvals.queue.rows import subject_of
from approvals.showing.arguments import as_text
from approvals.vigilance.samples import asked_of, why_not
from audit.ground.figures import span
from audit.ground.unseen import Piece, pieces, shown, told
from execution.models import FormerExecution
from governance.door.deciders import DECIDES
from governance.models import Risk, User
from governance.policies import findings
from governance.policies.findings import Finding
from governance.trust import halts
from suggestions.intake.concerns import contradictions
from suggestions.models import Proposal, Resolution, Sample, Suggestion

MOST_FOUND = 4


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """What somebody wrote into a form that was refused: it is given back to them."""

    verb: str = ""
    reason: str = ""
    choice: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked about something that passed by itself, or was answered."""

    status: str
    said: list[Piece]
    deadline: datetime | None
    answer_url: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Other:
    """Another proposal, by its address and what it would do."""

    url: str
    sentence: list[Piece]


@dataclass(frozen=True)
class Detail:
    """What `approvals/detail/_detail.html` draws; its last fields belong to the one who looks."""

    id: str
    version: int
    status: str
    status_label: str
    url: str
    page_title: str
    headings: list[Heading]
    found: list[Finding]
    title: list[Piece]
    summary: list[Piece]
    agent: str
    subject: str
    warnings: list[str]
    risk: str
    deadline: datetime
    suggestions: list[Option]
    context_messages: list[Message]
    context_json: list[Piece]
    raw_json: list[Piece]
    verdict: dict[str, Any]
    produced: Produced
    precedents: Precedents
    revised: Revised | None
    timeline: list[Entry]
    present: str
    look_url: str
    identifiers: list[tuple[str, str]]
    printed_at: datetime
    printed_by: str
    resolution: str
    execution: dict[str, Any] | None
    after: Afterwards
    bar: Bar
    voices: Voices
    contradictions: list[Other] = field(default_factory=list)
    alike: int = 0
    edits: list[Edit] = field(default_factory=list)
    former: list[CameBack] = field(default_factory=list)
    held: str = ""
    check: Check | None = None
    revealed: Revealed | None = None
    step_up: StepUp | None = None
    refusal: str = ""
    typed: RefusedForm = field(default_factory=RefusedForm)

    @property
    def is_open(self) -> bool:
        return self.status == Proposal.Status.PENDING

    @property
    def may_decide(self) -> bool:
        return not self.bar.why_not

    @property
    def why_not(self) -> str:
        return self.bar.why_not


def detail_of(
    proposal_id: UUID,
    *,
    reader: User,
    query: str = "",
    chosen: str = "",
    refusal: str = "",
    typed: RefusedForm | None = None,
) -> Detail:
    """A proposal as this person may see it. Raises `Proposal.DoesNotExist` where they may not.

    `query` is the list's query string, kept in every address; `chosen` the id of a suggestion.
    """
    whole = whole_of(proposal_id, reader)
    proposal, suggestions, resolution = whole.proposal, whole.suggestions, whole.resolution
    address = reverse("approvals:proposal", args=[proposal.pk])
    context = dict(proposal.context)
    messages = take_messages(context)
    on = halts.on() if whole.halted else []
    former = list(FormerExecution.objects.of(proposal.pk)) if whole.came_back else []
    newest = former[0] if former else None
    said = voices(
        proposal, whole.decisions, suggestions, comments=whole.comments, names=whole.teams, former=newest
    )
    seen = now_of(proposal, suggestions, also=[(v.rank, v.of_rank) for v in said.versions])
    options = options_of(proposal, suggestions, resolution, chosen, seen)
    headings = headings_of(options, said.versions, open=resolution is None)
    earlier = precedents(proposal, reader)
    ran = execution_of(proposal, reader)
    return Detail(
        id=str(proposal.pk),
        version=proposal.version,
        status=proposal.status,
        status_label=_status_label(proposal),
        url=address + query,
        page_title=_on_one_line(next(o.sentence for o in options if o.chosen)),
        headings=headings,
        found=_found(proposal, earlier),
        title=pieces(proposal.title),
        summary=pieces(proposal.summary),
        agent=shown(proposal.agent.name),
        subject=subject_of(proposal),
        risk=Risk(proposal.risk).label,
        deadline=proposal.deadline,
        warnings=_page_warnings(proposal),
        suggestions=options,
        context_messages=messages,
        context_json=pieces(as_json(context)) if context else [],
        raw_json=pieces(as_json(raw_of(proposal, suggestions, on=on))),
        produced=produced(proposal, whole.deployment),
        verdict=_verdict(whole, newest),
        precedents=earlier,
        revised=revised(whole, reader),
        timeline=timeline(whole, reader, ran["evidence"] if ran else ()),
        present=in_words(whole.looking, reader),
        look_url=_look_url(proposal, reader),
        identifiers=list(_identifiers(proposal, resolution)),
        printed_at=now(),
        printed_by=shown(reader.printed_name),
        resolution=_ending(resolution, suggestions) if resolution and not proposal.is_check else "",
        execution=ran,
        after=afterwards(proposal, reader, query),
        contradictions=_contradictions(whole, reader),
        alike=whole.alike,
        edits=edits_of(whole.decisions, suggestions, newest),
        former=came_back(former, suggestions, reader),
        held=held(proposal, suggestions, on=on),
        check=_check(proposal, reader, query),
        revealed=revealed(proposal, reader, query),
        bar=bar_of(whole, reader, versions=said.versions, folds=_folds(options, said.versions), query=query),
        voices=said,
        step_up=step_up_of(proposal, suggestions, whole.decisions, newest),
        refusal=refusal,
        typed=typed or RefusedForm(),
    )


# --- What is proposed -------------------------------------------------------------------------


def _on_one_line(sentence: Sequence[Piece]) -> str:
    return shown("".join(piece.text for piece in sentence))


def _found(proposal: Proposal, earlier: Precedents) -> list[Finding]:
    """What the policy found, and what the record says against it, the worst first."""
    if proposal.status != Proposal.Status.PENDING:
        return []  # nobody decides on it any more
    found = [*findings.at(proposal.policy_id, proposal.verdict["rules"]), *earlier.speaks_against]
    return sorted(found, key=lambda one: -one.weight)[:MOST_FOUND]


def _page_warnings(proposal: Proposal) -> list[str]:
    places = {
        "the title": proposal.title,
        "the summary": proposal.summary,
        "the subject": f"{proposal.subject_type} {proposal.subject_id}",
        "what the agent sent along": as_text(proposal.context) if proposal.context else "",
    }
    return [f"{found} in {place}" for place, text in places.items() if (found := told(pieces(text)))]


def _identifiers(proposal: Proposal, resolution: Resolution | None) -> Iterator[tuple[str, str]]:
    """What names it in the log, to the letter."""
    yield "Proposal", str(proposal.pk)
    yield "As received", proposal.body_digest
    if proposal.policy_id:
        yield "Policy", proposal.policy_id
    if resolution and resolution.action_digest:
        yield "Approved action", resolution.action_digest


def _look_url(proposal: Proposal, reader: User) -> str:
    """Where the page of somebody who could decide tells that it is open."""
    looks = proposal.status == Proposal.Status.PENDING and reader.has_perm(DECIDES)
    return reverse("approvals:look", args=[proposal.pk]) if looks else ""


# --- Why it is here -----------------------------------------------------------------------------


def _verdict(whole: Whole, former: FormerExecution | None) -> dict[str, Any]:
    proposal, verdict = whole.proposal, whole.proposal.verdict
    return {
        "rules": [_rule(rule) for rule in verdict["rules"]],
        "default": "Let pass by default." if verdict["verdict"] == "auto_approve" else "Reviewed by default.",
        "policy": proposal.policy_id or "",
        "team": teams_in_words(whole),
        "approvals": _approvals(proposal, whole.decisions, former),
        "priority": _priority(proposal),
        "decide_within": span(verdict["decide_within_seconds"]),
        "boundaries": [shown(note) for note in verdict["notes"]],
    }


def _priority(proposal: Proposal) -> str:
    """Where it stands in the queue, and which rule put it there."""
    rules = [r for r in proposal.verdict["rules"] if r["then"].get("priority") == proposal.priority]
    return f"{proposal.priority} of 100" + (f", by {shown(rules[0]['name'])}" if rules else "")


def _contradictions(whole: Whole, reader: User) -> list[Other]:
    if not whole.is_contradicted:
        return []
    proposal = whole.proposal
    found = contradictions([proposal], reader).get(proposal.pk, ())
    return [Other(reverse("approvals:proposal", args=[c.other]), pieces(c.sentence)) for c in found]


def _rule(rule: dict[str, Any]) -> dict[str, str]:
    reason = f"Could not be evaluated: {rule['error']}" if rule.get("error") else rule["reason"]
    return {"name": shown(rule["name"]), "reason": shown(reason), "verdict": rule["then"].get("verdict", "")}


def _approvals(proposal: Proposal, decisions: Sequence[Decision], former: FormerExecution | None) -> str:
    if proposal.approvals_needed < 2 and not proposal.also_teams:
        return "1"
    approved = [d for d in decisions if d.standing and d.verdict == Decision.Verdict.APPROVE]
    # Of several versions the one that most people stand behind: others do not add to it.
    stand = (standing_of(proposal, d.action_digest, approved, former=former) for d in approved)
    most = max((one.agreeing for one in stand), key=len, default=())
    names = ", ".join(shown(d.reviewer.printed_name) for d in approved if d.reviewer_id in most)
    told = f"{len(most)} of {proposal.approvals_needed}" + (f" ({names})" if names else "")
    if proposal.also_teams and proposal.status == Proposal.Status.PENDING:
        missing = missing_teams(proposal, list(most))
        told += f"; somebody of {', '.join(missing)} is missing" if missing else ""
    return told


# --- How it stands ------------------------------------------------------------------------------


def _folds(options: Sequence[Option], versions: Sequence[Version]) -> dict[str, int]:
    """How many parts of each action open at a click, by its digest."""
    return {one.digest: one.folds for one in options} | {one.digest: one.folds for one in versions}


def _status_label(proposal: Proposal) -> str:
    if proposal.is_check and proposal.status != Proposal.Status.PENDING:
        return "A check, over"
    return proposal.get_status_display().capitalize()


def _ending(resolution: Resolution, suggestions: Sequence[Suggestion]) -> str:
    """By whom, when and why: "by Ben, 22 Nov 14:21 UTC: suggestion 2"."""
    said = f"by {shown(resolution.actor_name)}, {resolution.at:%-d %b %H:%M} UTC"
    of = next((s for s in suggestions if s.pk == resolution.suggestion_id), None)
    if of and len(suggestions) > 1:
        said += f", suggestion {of.rank}"
    if of and resolution.arguments != of.arguments:
        said += ", with edited arguments"
    return f"{said}: {shown(resolution.reason)}" if resolution.reason else said


def _check(proposal: Proposal, reader: User, query: str) -> Check | None:
    if proposal.status != Proposal.Status.APPROVED:
        return None
    sample = asked_of(reader).filter(proposal=proposal).first()
    if sample is None:
        return None
    said = {
        Sample.Status.RIGHT: "It was right",
        Sample.Status.WRONG: "It was wrong",
        Sample.Status.EXPIRED: "Nobody said whether it was right",
    }.get(Sample.Status(sample.status), "")
    by = f", says {sample.reviewer.printed_name}" if sample.reviewer else ""
    return Check(
        status=sample.status,
        said=pieces(f"{said}{by}{f': {sample.reason}' if sample.reason else '.'}") if said else [],
        deadline=sample.deadline,
        answer_url=reverse("approvals:answer", args=[proposal.pk]) + query,
        why_not=why_not(sample, reader),
    )
