"""When what several people said is an answer: who agrees on the same action, and who is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from approvals.models import Decision
from execution.models import FormerExecution
from governance.models import User
from suggestions.answering.obligations import ProposalObligations, obligations_of
from suggestions.models import Proposal


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one action is: the people who count for it, the one who edited it and does not count,
    how many more are needed and the teams of which nobody is among them."""

    digest: str
    agreeing: tuple[int, ...]
    editor: int | None
    needed: int
    missing_teams: tuple[str, ...]

    @property
    def enough(self) -> bool:
        return self.needed == 0 and not self.missing_teams


def standing_of(
    proposal: Proposal,
    digest: str,
    decisions: Iterable[Decision],
    asked: ProposalObligations | None = None,
    *,
    former: FormerExecution | None = None,
) -> Standing:
    """How far this action is, by the decisions that stand on its proposal.

    `former` is the newest of its executions that was taken away, with the arguments that somebody suggests.
    """
    asked = asked or obligations_of(proposal)
    approving = [d for d in decisions if d.standing and d.verdict == "approve" and d.action_digest == digest]
    maker = former.by_id if former and former.edited_digest == digest else None
    counting = counting_among(approving, four_eyes=asked.four_eyes, maker=maker)
    return Standing(
        digest=digest,
        agreeing=counting,
        editor=_editor(approving, maker) if asked.four_eyes else None,
        needed=max(0, asked.approvals - len(counting)),
        missing_teams=tuple(missing_teams(proposal, counting)),
    )


def counting_among(
    approving: Sequence[Decision], *, four_eyes: bool, maker: int | None = None
) -> tuple[int, ...]:
    """The distinct people who count among those who approved one action, which `maker` suggests, if somebody
    does."""
    editor = _editor(approving, maker) if four_eyes else None
    return tuple(dict.fromkeys(d.reviewer_id for d in approving if d.reviewer_id != editor))


def _editor(approving: Sequence[Decision], maker: int | None) -> int | None:
    """Whoever first made this action out of what the agent had suggested."""
    edits = [d for d in approving if d.arguments is not None]
    if not edits:
        return None
    return min(edits, key=lambda d: (d.at, d.pk)).reviewer_id if maker is None else maker


def missing_teams(proposal: Proposal, agreeing: Collection[int]) -> list[str]:
    """The required teams of which nobody is among these people."""
    if not proposal.also_teams:
        return [] if agreeing else [proposal.team_id]
    # A deputy speaks in the place of the one who is absent: for their teams, and not for others as well.
    deputies = Decision.objects.filter(proposal=proposal, standing=True, for_user__isnull=False)
    places = dict(deputies.values_list("reviewer_id", "for_user_id"))
    people = {places.get(person, person) for person in agreeing}
    memberships = User.teams.through.objects.filter(user_id__in=people, team_id__in=proposal.teams)
    present = set(memberships.values_list("team_id", flat=True))
    return [team for team in proposal.teams if team not in present]


def disagree(decisions: Iterable[Decision]) -> bool:
    """Do the people who approved stand behind different actions?"""
    approved = {d.action_digest for d in decisions if d.standing and d.verdict == "approve"}
    return len(approved) > 1
