"""What has to have been on somebody's screen before they approve it, and who else has it there now."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.attention import looks
from approvals.showing.names import listed
from audit.ground.refusals import Refusal
from audit.ground.unseen import shown
from governance.models import User
from suggestions.models import Proposal


class NotAllShown(Refusal):
    """Some of what would be carried out was still folded away."""

    detail = "Not all of it has been on your screen. Unfold what is folded and read to its end, then approve."


def check_shown(digest: str, *, said: str) -> None:
    """Refuse an approval unless the page says (`said`) that all of this digest was shown.

    It is drawn saying so where nothing is folded, and says so once everything was unfolded and passed by;
    programs have no screen and are not asked. Raises `NotAllShown`.
    """
    if said != digest:
        raise NotAllShown


def present(proposal: Proposal, reader: User) -> str:
    """Who else has it on the screen: "Ben is looking at this"; empty where nobody does."""
    if proposal.status != Proposal.Status.PENDING:
        return ""
    return in_words(looks.present([proposal.pk]).get(proposal.pk, ()), reader)


def in_words(looking: Iterable[tuple[int, str]], reader: User) -> str:
    """The same of those who look, by id and printed name."""
    others = [shown(name) for user, name in looking if user != reader.pk]
    if len(others) > 3:
        others = [*others[:2], f"{len(others) - 2} others"]
    if not others:
        return ""
    return f"{listed(others)} {'is' if len(others) == 1 else 'are'} looking at this"
