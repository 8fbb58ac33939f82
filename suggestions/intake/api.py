"""The agents' API: hand in proposals, ask how they stand, take them back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking import gate
from audit.asking.answers import FieldError
from audit.asking.bodies import Strict, check
from audit.asking.parameters import check_only, cursor_of, cut, one_of, whole
from audit.asking.who import actor_of
from audit.ground.canonical import digest
from audit.ground.refusals import Invalid, Refusal
from governance.actions import action_types
from governance.actions.changes import Change, Registered
from governance.agents import boundaries, hits, rate
from governance.agents.boundaries import BoundaryHit
from governance.door import authentication, recalled
from governance.door.authentication import AgentCaller, person_of
from governance.door.permissions import IsAgent, has_permission, is_agent_or
from governance.door.recalled import as_it_stands
from governance.models import ActionType
from suggestions.answering.answers import ProposalAnswer, ProposalPage
from suggestions.answering.newest import Narrowed, newest_visible
from suggestions.answering.present import all_presented, first_answer
from suggestions.answering.read import Standing, standing
from suggestions.answering.withdraw import withdraw
from suggestions.intake.answers import (
    AcceptedItem,
    ActionTypeAnswer,
    ActionTypePage,
    BatchAnswer,
    PreviewedType,
    RefusedItem,
    RegisteredType,
    RegisteredTypes,
    WrongTool,
)
from suggestions.intake.asking_again import AlreadyRejected, note
from suggestions.intake.bodies import BatchBody, BatchItem, ProposalBody
from suggestions.intake.prepare import Prepared, prepare
from suggestions.intake.submit import Submitted, submit
from suggestions.models import Proposal, ProposalQuerySet
from suggestions.past.locks import Turn, one_at_a_time
from suggestions.past.numbers import subject_key

PAGE = 50
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Names this request. The same key and body again give the first answer again.",
)


class KeyMissing(Refusal):
    detail = "Send an Idempotency-Key header: 1 to 255 visible characters that name this request."


class WithdrawBody(Strict):
    reason: str = ""


class Proposals(APIView):
    permission_classes = [is_agent_or("suggestions.view_proposal")]

    def agent_by(self, key_hash: str) -> AgentCaller | None:
        """Who is recalled hands in `as_it_stands`; whatever else is asked is answered after a look."""
        look_up = recalled.agent_by if self.request.method == "POST" else authentication.agent_by
        return look_up(key_hash)

    @extend_schema(
        operation_id="submit_proposal",
        request=ProposalBody,
        responses={201: ProposalAnswer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Hand in a proposal for review; safe to send twice with one `Idempotency-Key`."""
        _agent(request)
        key = _key(request)
        submitted = as_it_stands(request, partial(_handed_in, request, key, rate.Spending()))
        replayed = {"Idempotent-Replayed": "true"} if submitted.replayed else None
        return Response(_answer(submitted), status=201, headers=replayed)

    @extend_schema(
        operation_id="list_proposals",
        responses={200: ProposalPage},
        parameters=[
            OpenApiParameter("status", str, enum=Proposal.Status.values),
            OpenApiParameter("action", str, description="Name of an action type."),
            OpenApiParameter("agent", str, description="Name of an agent; for people."),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """The caller's proposals, newest first, in pages."""
        check_only(request, {"status", "action", "agent", "cursor"})
        page = cut(_newest(request, most=PAGE + 1), size=PAGE)
        return Response(ProposalPage(proposals=all_presented(page.rows), next=page.next))


class Batch(APIView):
    permission_classes = [IsAgent]
    body_bytes = settings.API_BATCH_BYTES
    body_keys = gate.BATCH_KEYS

    @extend_schema(
        operation_id="submit_batch",
        request=BatchBody,
        responses={200: BatchAnswer, 201: BatchAnswer},
        parameters=[OpenApiParameter("atomic", bool, default=True)],
    )
    def post(self, request: Request) -> Response:
        """Hand in up to 500 proposals, all or none; with `?atomic=false` each on its own.

        Each item is a proposal with an `idempotency_key`. The answer's `results` are in the same order.
        """
        caller = _agent(request)
        check_only(request, {"atomic"})
        items = check(BatchBody, request.data).proposals
        _admit(caller, cost=len(items))
        atomic = _flag(request, "atomic", default=True)
        rejected_before: list[AlreadyRejected] = []
        try:
            with one_at_a_time(caller.agent.pk, map(_subject_key, items)) as turn:
                outcomes = [_outcome(caller, item, index, request, turn) for index, item in enumerate(items)]
                _check_whole(outcomes, atomic=atomic)
                stored = iter(_stored(caller, outcomes, rejected_before, atomic=atomic))
        finally:
            if rejected_before:
                note(rejected_before, actor=caller.as_actor())
        refused = [o for o in outcomes if isinstance(o, Refusal)]
        _tell_hits(caller, refused, request)
        results = [_refused(o) if isinstance(o, Refusal) else _accepted(next(stored)) for o in outcomes]
        return Response(BatchAnswer(results=results), status=200 if refused else 201)


class OneProposal(APIView):
    permission_classes = [is_agent_or("suggestions.view_proposal")]

    @extend_schema(
        operation_id="get_proposal",
        responses={200: ProposalAnswer},
        parameters=[
            OpenApiParameter(
                "wait", int, description="Hold the answer up to so many seconds (≤ 55) while it is pending."
            )
        ],
    )
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """How a proposal stands. With `wait` the answer is held until there is a resolution."""
        check_only(request, {"wait"})
        wait = request.query_params.get("wait", "0")
        if whole(wait, most=55) is None:
            raise Invalid.field("?wait", "Give whole seconds from 0 to 55.")
        answer = _one(request, proposal_id)
        headers = {"Retry-After": "1"} if answer.status == "pending" and wait == "0" else None
        return Response(answer, headers=headers)


class Withdraw(APIView):
    permission_classes = [IsAgent]

    @extend_schema(operation_id="withdraw_proposal", request=WithdrawBody, responses={200: ProposalAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Take a pending proposal back."""
        caller = _agent(request)
        body = check(WithdrawBody, request.data or {})
        withdraw(proposal_id, agent=caller.agent, reason=body.reason)
        return Response(_one(request, proposal_id))


class ActionTypes(APIView):
    body_bytes = settings.API_BATCH_BYTES
    body_keys = gate.BATCH_KEYS
    body_of_schemas = True

    def get_permissions(self) -> list[BasePermission]:
        if self.request.method == "POST":
            return [has_permission("governance.change_actiontype")()]
        return [is_agent_or("suggestions.view_proposal")()]

    @extend_schema(operation_id="list_action_types", responses={200: ActionTypePage})
    def get(self, request: Request) -> Response:
        """What this agent may propose, with the JSON Schema of each action's arguments."""
        types = ActionType.objects.current().order_by("name")
        if isinstance(request.user, AgentCaller) and request.user.agent.allowed_actions is not None:
            types = types.filter(name__in=request.user.agent.allowed_actions)
        return Response(ActionTypePage(action_types=[ActionTypeAnswer(**_described(t)) for t in types]))

    @extend_schema(
        operation_id="register_action_types",
        request=OpenApiTypes.OBJECT,
        responses={200: RegisteredTypes, 201: RegisteredTypes},
        parameters=[
            OpenApiParameter("preview", bool, default=False),
            OpenApiParameter("skip_wrong", bool, default=False),
            OpenApiParameter("source", str, default=""),
            OpenApiParameter("accept_milder", bool, default=False),
            OpenApiParameter("take_over", bool, default=False),
        ],
    )
    def post(self, request: Request) -> Response:
        """Register action types: ours, an MCP server's `tools/list`, OpenAI's or Anthropic's; all or none.

        What changed becomes a new version. With `?preview=true` nothing is written; with
        `?skip_wrong=true` what is wrong is told in `wrong` and the rest is taken. `source` names the
        server it comes from. 409 where a type that is there would count as less dangerous, unless
        `accept_milder`, or came from another source, unless `take_over`.
        """
        check_only(request, {"preview", "skip_wrong", "source", "accept_milder", "take_over"})
        found = action_types.definitions(request.data)
        source = action_types.clean_source(request.query_params.get("source", ""))
        tools, wrong = found.tools, []
        if _flag(request, "skip_wrong", default=False):
            tools, problems = action_types.sifted(tools)
            wrong = [WrongTool(tool=one.name, path=one.path, detail=str(one)) for one in problems]
        if _flag(request, "preview", default=False):
            changes = [_previewed(one) for one in action_types.preview(tools, source=source)]
            return Response(RegisteredTypes(action_types=changes, notes=found.notes, wrong=wrong))
        done = action_types.register_all(
            tools,
            actor=actor_of(request),
            source=source,
            accept_milder=_flag(request, "accept_milder", default=False),
            take_over=_flag(request, "take_over", default=False),
        )
        told = RegisteredTypes(
            action_types=[_registered(one) for one in done], notes=found.notes, wrong=wrong
        )
        return Response(told, status=201 if any(one.new for one in done) else 200)


def _previewed(change: Change) -> PreviewedType:
    return PreviewedType(name=change.name, changed=change.changes, change=change.in_words, **_milder(change))


def _registered(done: Registered) -> RegisteredType:
    return RegisteredType(
        **_described(done.action_type),
        changed=done.new,
        change=done.change.in_words,
        **_milder(done.change),
    )


def _milder(change: Change) -> dict[str, Any]:
    return {"milder": change.milder} if change.milder else {}


def _agent(request: Request) -> AgentCaller:
    if not isinstance(request.user, AgentCaller):
        raise NotAnAgent
    return request.user


class NotAnAgent(Refusal):
    detail = "Only an agent may do this; show an agent's key."


def _admit(caller: AgentCaller, *, cost: int = 1) -> None:
    """The boundaries that come before a look at the body."""
    boundaries.check_enabled_and_within_hours(caller.agent, caller.at)
    rate.spend(caller.agent, cost=cost)


def _handed_in(request: Request, key: str, spending: rate.Spending, caller: AgentCaller) -> Submitted:
    boundaries.check_enabled_and_within_hours(caller.agent, caller.at)
    with spending.by(caller.agent):
        body = check(ProposalBody, request.data)
        subject = subject_key(body.subject.type, body.subject.id) if body.subject else None
        with one_at_a_time(caller.agent.pk, [subject]) as turn:
            prepared = _prepared(caller, body, request.data, key, request, turn, alone=True)
            spending.settle()
            [submitted] = submit(caller.agent, [prepared], stands=caller.stands)
    return submitted


def _key(request: Request) -> str:
    """The idempotency key, quoted (as the header's draft has it) or bare."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key or len(key) > 255 or not key.isprintable():
        raise KeyMissing
    return key


def _prepared(
    caller: AgentCaller,
    body: ProposalBody,
    value: Any,
    key: str,
    request: Request,
    turn: Turn,
    *,
    alone: bool = False,
) -> Prepared:
    """`value` is the body as it came: its digest tells whether a key came with another one."""
    traceparent = request.META.get("HTTP_TRACEPARENT", "")[:64]
    return prepare(
        caller, body, key=key, body_digest=digest(value), traceparent=traceparent, turn=turn, alone=alone
    )


def _subject_key(item: dict[str, Any]) -> UUID | None:
    """Whom an item that may still be refused is about."""
    subject = item.get("subject")
    return (
        subject_key(str(subject.get("type")), str(subject.get("id"))) if isinstance(subject, dict) else None
    )


def _outcome(
    caller: AgentCaller, item: dict[str, Any], index: int, request: Request, turn: Turn
) -> Prepared | Refusal:
    """One item of a batch, prepared or refused; its errors point into the batch."""
    try:
        checked = check(BatchItem, item)
        rest = {name: value for name, value in item.items() if name != "idempotency_key"}
        return _prepared(caller, checked, rest, checked.idempotency_key, request, turn)
    except Invalid as refusal:
        return Invalid([{**e, "pointer": f"/proposals/{index}{e['pointer']}"} for e in refusal.errors])
    except Refusal as refusal:
        refusal.facts["pointer"] = f"/proposals/{index}"
        return refusal


def _check_whole(outcomes: Sequence[Prepared | Refusal], *, atomic: bool) -> None:
    """All or none: where one is refused, say what is wrong with each."""
    refused = [o for o in outcomes if isinstance(o, Refusal)]
    if refused and atomic:
        raise _all_of(refused)


def _stored(
    caller: AgentCaller,
    outcomes: list[Prepared | Refusal],
    rejected_before: list[AlreadyRejected],
    *,
    atomic: bool,
) -> list[Submitted]:
    """Hand in what was prepared; what had been rejected becomes a refusal among the outcomes."""
    while waiting := [o for o in outcomes if isinstance(o, Prepared)]:
        try:
            return submit(caller.agent, waiting)
        except AlreadyRejected as refusal:
            for index, outcome in enumerate(outcomes):
                if isinstance(outcome, Prepared) and outcome.proposal.pk in refusal.each:
                    one = outcomes[index] = refusal.each[outcome.proposal.pk]
                    one.facts["pointer"] = f"/proposals/{index}{one.facts.get('pointer', '')}"
            rejected_before += refusal.each.values()
            _check_whole(outcomes, atomic=atomic)
    return []


def _as_error(refusal: Refusal) -> dict[str, Any]:
    return {"pointer": refusal.facts.get("pointer", ""), "detail": refusal.detail}


def _errors(refusal: Refusal) -> list[dict[str, Any]]:
    return refusal.errors if isinstance(refusal, Invalid) else [_as_error(refusal)]


def _all_of(refused: list[Refusal]) -> Refusal:
    """The refusal of a whole batch: the first boundary that was hit, or else every mistake."""
    errors = [error for refusal in refused for error in _errors(refusal)]
    hit = next((refusal for refusal in refused if isinstance(refusal, BoundaryHit)), None)
    if hit is None:
        return Invalid(errors)
    hit.facts["errors"] = errors
    return hit


def _refused(refusal: Refusal) -> RefusedItem:
    errors = [FieldError(**error) for error in _errors(refusal)]
    return RefusedItem(accepted=False, detail=refusal.detail, errors=errors, **_more(refusal))


_TOLD_OF_AN_ITEM = ("boundary", "retry_after", "earlier", "ask_again_after")


def _more(refusal: Refusal) -> dict[str, Any]:
    return {name: refusal.facts[name] for name in _TOLD_OF_AN_ITEM if name in refusal.facts}


def _tell_hits(caller: AgentCaller, refused: list[Refusal], request: Request) -> None:
    """Items that hit a boundary while others were taken: one line in the log for each boundary."""
    hits_of: dict[str, list[BoundaryHit]] = {}
    for refusal in refused:
        if isinstance(refusal, BoundaryHit):
            hits_of.setdefault(refusal.boundary, []).append(refusal)
    for same in hits_of.values():
        data = {
            "route": request.resolver_match.route if request.resolver_match else "",
            "request": getattr(request._request, "request_id", ""),
            "items": [int(hit.facts["pointer"].rpartition("/")[2]) for hit in same[:20]],
            "count": len(same),
        }
        first = same[0]
        first.actions = sorted({action for hit in same for action in hit.actions})
        hits.tell(first, agent=caller.agent, data=data)


def _accepted(submitted: Submitted) -> AcceptedItem:
    return AcceptedItem(accepted=True, replayed=submitted.replayed, proposal=_answer(submitted))


def _answer(submitted: Submitted) -> ProposalAnswer:
    return first_answer(submitted.proposal, submitted.suggestions)


def _visible(request: Request) -> ProposalQuerySet:
    """The proposals this caller may know about."""
    if isinstance(request.user, AgentCaller):
        return Proposal.objects.asked().filter(agent=request.user.agent)
    return Proposal.objects.visible_to(person_of(request))


def _one(request: Request, proposal_id: UUID) -> ProposalAnswer:
    """How it stands now. Raises `Http404` where this caller knows of no such proposal."""
    answers = all_presented(standing(_visible(request).filter(pk=proposal_id)))
    if not answers:
        raise Http404
    return answers[0]


def _newest(request: Request, *, most: int) -> list[Standing]:
    """The caller's newest proposals of those that were asked for."""
    asked = request.query_params
    narrowed = Narrowed(
        status=one_of(request, "status", Proposal.Status.values),
        action=asked.get("action", ""),
        agent=asked.get("agent", ""),
        after=cursor_of(asked["cursor"]) if asked.get("cursor") else None,
    )
    if not isinstance(request.user, AgentCaller):
        return newest_visible(person_of(request), narrowed, most=most)
    return standing(narrowed.of(_visible(request)).order_by("-pk")[:most])


def _flag(request: Request, name: str, *, default: bool) -> bool:
    text = request.query_params.get(name, str(default).lower())
    if text not in ("true", "false"):
        raise Invalid.field(f"?{name}", "true or false.")
    return text == "true"


def _described(type: ActionType) -> dict[str, Any]:
    """The members of an `ActionTypeAnswer`."""
    return {
        "name": type.name,
        "version": type.version,
        "description": type.description,
        "schema": type.schema,
        "annotations": type.annotations,
        "reversibility": type.reversibility,
        "data_classes": type.data_classes,
    }
