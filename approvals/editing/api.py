"""What an edit would come to, over the API: asked with a reviewer's token before they decide."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.deciding import edits
from audit.asking.bodies import Strict, check
from audit.ground.refusals import Invalid
from audit.ground.unseen import shown
from governance.door.authentication import person_of
from governance.door.deciders import DECIDES
from governance.door.permissions import has_permission
from suggestions.models import Proposal, Suggestion


class EditBody(Strict):
    """The whole arguments as they would be approved, for one suggestion of the proposal."""

    suggestion: UUID
    arguments: dict[str, Any]


class ChangeAnswer(BaseModel):
    """One place that differs. `from` is left out where it was added, `to` where it was taken out."""

    pointer: str
    kind: str
    was: Any = Field(None, alias="from")
    to: Any = None


class AskedAnswer(BaseModel):
    """What is asked of those who decide."""

    approvals: int
    rejections: int
    teams: list[str]
    four_eyes: bool
    owner_may_approve: bool
    step_up: bool
    grace_seconds: float
    bulk: bool
    risk: str


class EditAnswer(BaseModel):
    """What would be approved; `asked` is what would be asked for, `asked_now` what is as it stands."""

    suggestion: str
    action_digest: str
    sentence: str
    changes: list[ChangeAnswer]
    asked: AskedAnswer
    asked_now: AskedAnswer
    rules: list[dict[str, Any]]


class Edits(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="preview_edit", request=EditBody, responses={200: EditAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """What edited arguments would come to; nothing is changed and nothing decided.

        They are put before the schema, the agent's boundaries and the policy in force now. 422 names each
        wrong argument, the boundary, or the rules that block. To approve them send them as `arguments`
        of a decision, with the suggestion's own `action_digest`; they are judged again then.
        """
        proposal = Proposal.objects.visible_to(person_of(request)).filter(pk=proposal_id).first()
        if proposal is None:
            raise Http404
        body = check(EditBody, request.data)
        suggestion = (
            Suggestion.objects.filter(proposal=proposal, pk=body.suggestion)
            .select_related("action_type")
            .first()
        )
        if suggestion is None:
            raise Invalid.field("/suggestion", "Name a suggestion of this proposal.")
        return Response(_presented(suggestion, edits.preview(proposal, suggestion, body.arguments)))


def _presented(suggestion: Suggestion, found: edits.Preview) -> dict[str, Any]:
    return {
        "suggestion": str(suggestion.pk),
        "action_digest": found.digest,
        "sentence": shown(found.sentence),
        "changes": found.changes,
        "asked": found.asked,
        "asked_now": found.was_asked,
        "rules": [
            {"name": rule["name"], "reason": rule["reason"], "then": rule["then"]} for rule in found.rules
        ],
    }
