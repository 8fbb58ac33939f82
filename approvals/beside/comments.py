"""Notes beside a proposal, for the others who decide on it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from approvals.models import Comment
from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid
from audit.log.record import record
from governance.models import User
from suggestions.answering import news
from suggestions.models import Proposal

LONGEST = 2_000


@transaction.atomic
def comment(proposal_id: UUID, *, author: User, actor: Actor, text: str) -> Comment:
    """Note something beside a proposal, decided or not; the agent never sees it.

    Raises `Invalid`, `Proposal.DoesNotExist`.
    """
    text = text.strip()
    if not text:
        raise Invalid.field("/text", "Write something first.")
    if len(text) > LONGEST:
        raise Invalid.field("/text", f"Say it in at most {LONGEST:,} characters.")
    proposal = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal_id)
    news.changed(proposal)
    found = Comment.objects.create(proposal=proposal, author=author, text=text)
    data = {"comment": str(found.pk), "text": commitment(bytes(found.salt), text)}
    record("comment.written", actor=actor, proposal=proposal.pk, data=data)
    return found
