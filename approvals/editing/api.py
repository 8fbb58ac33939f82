"""What an edit would come to, over the API: asked with a reviewer's token before they decide."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.deciding import edits
from audit.asking.answers import Answer, DocumentedAs, Id, left_out
from audit.asking.bodies import Strict, check
from audit.ground.refusals import Invalid
from audit.ground.unseen import shown
from governance.door.authentication import person_of
from governance.door.deciders import DECIDES
from governance.door.permissions import has_permission
from governance.policies.obligations import Obligations
from suggestions.answering.answers import RiskLevel
from suggestions.models import Proposal, Suggestion


class EditBody(Strict):
    """The whole arguments as they would be approved, for one suggestion of the proposal."""

    suggestion: UUID
    arguments: dict[str, Any]


class ChangeAnswer(Answer):
    """One place that differs, by its RFC 6901 pointer into the arguments."""

    pointer: str
    kind: Literal["changed", "added", "removed"]
    was: Any = left_out("What stood there; left out where it was added.", alias="from")
    to: Any = left_out("What stands there; left out where it was removed.")


class ObligationsAnswer(Answer):
    """What is asked of those who decide."""

    approvals: int
    rejections: int
    teams: list[str]
    four_eyes: bool
    owner_may_approve: bool
    step_up: bool
    grace_seconds: float
    bulk: bool
    risk: RiskLevel


class MatchingRule(Answer):
    """A rule of the policy in force that matches."""

    name: str
    reason: str
    then: Annotated[dict[str, Any], DocumentedAs(Obligations)]


class EditAnswer(Answer):
    """What would be approved; `asked` is what would be asked for, `asked_now` what is as it stands."""

    suggestion: Id
    action_digest: str
    sentence: str
    changes: list[ChangeAnswer]
    asked: ObligationsAnswer
    asked_now: ObligationsAnswer
    rules: list[MatchingRule]


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


def _presented(suggestion: Suggestion, found: edits.Preview) -> EditAnswer:
    return EditAnswer(
        suggestion=suggestion.pk,
        action_digest=found.digest,
        sentence=shown(found.sentence),
        changes=[ChangeAnswer(**change) for change in found.changes],
        asked=ObligationsAnswer(**found.asked),
        asked_now=ObligationsAnswer(**found.was_asked),
        rules=[
            MatchingRule(name=rule["name"], reason=rule["reason"], then=rule["then"]) for rule in found.rules
        ],
    )
