"""Steering executions over the API: what a person does about one, and the events that steps wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.bodies import check
from audit.asking.who import actor_of
from execution.board import answers, breakers, edit
from execution.desk import attend, former
from execution.desk.answers import ExecutionAnswer
from execution.desk.read import of_proposal, story
from execution.healing import compensation, signals
from execution.models import Compensation, Execution, FormerExecution
from governance.door.authentication import AgentCaller, person_of
from governance.door.permissions import has_permission, is_agent_or
from suggestions.models import Proposal

VIEWS, ATTENDS = "execution.view_execution", "execution.attend_execution"


class Signals(APIView):
    permission_classes = [is_agent_or(ATTENDS)]

    @extend_schema(
        operation_id="signal_execution",
        request=answers.SignalBody,
        responses={200: answers.SignalAnswer},
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Tell of an outside event that a step waits for, or will; the same event again changes nothing.

        For the agent whose proposal it is, and for people who attend executions. Other data under the same
        name is a 409: the first event counts. A name that no step waits for is a 422.
        """
        body = check(answers.SignalBody, request.data)
        execution = _known(request, execution_id)
        signal = signals.receive(execution, body.signal, body.data, actor=actor_of(request))
        return Response(
            answers.SignalAnswer(
                execution=execution.pk, signal=signal.name, data=signal.data, by=signal.by, at=signal.at
            )
        )


class OneExecution(APIView):
    permission_classes = [is_agent_or(VIEWS)]

    @extend_schema(operation_id="get_execution_by_id", responses={200: ExecutionAnswer})
    def get(self, request: Request, execution_id: UUID) -> Response:
        """Steps, attempts and receipts of one execution."""
        return _told(request, _known(request, execution_id))


class Retry(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="retry_execution", request=answers.RetryBody, responses={200: ExecutionAnswer}
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Try again what needs attention; completed steps are not repeated.

        409 `may-have-happened` where another try could act a second time: look first, then send `checked`.
        """
        body = check(answers.RetryBody, request.data or {})
        words = {"reason": body.reason, "checked": body.checked, "seen": body.round}
        return _attend(request, execution_id, attend.retry, **words)


class Settle(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="settle_execution", request=answers.SettleBody, responses={200: ExecutionAnswer}
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Say whether the step with the unknown outcome happened, and how you know; that is kept with it.

        What happened completes the step, and the rest goes on; what did not is tried again. 409
        `nothing-in-doubt` where no step has an unknown outcome, `not-waiting` for a `round` that is over.
        """
        body = check(answers.SettleBody, request.data)
        words = {"happened": body.happened, "evidence": body.evidence, "seen": body.round}
        return _attend(request, execution_id, attend.settle, **words)


class MarkDone(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="mark_execution_done", request=answers.EvidenceBody, responses={200: ExecutionAnswer}
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """State that it took effect, and by which evidence; that is kept with the receipt."""
        body = check(answers.EvidenceBody, request.data)
        return _attend(request, execution_id, attend.mark_done, evidence=body.evidence)


class Cancel(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="cancel_execution", request=answers.ReasonBody, responses={200: ExecutionAnswer}
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Carry nothing more of it out; what took effect already stays as it is."""
        body = check(answers.ReasonBody, request.data or {})
        return _attend(request, execution_id, attend.cancel, reason=body.reason)


class ChooseRoute(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(operation_id="choose_route", request=answers.RouteBody, responses={200: ExecutionAnswer})
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Have the step that it stands at take this route first; what was tried already begins anew."""
        body = check(answers.RouteBody, request.data)
        return _attend(request, execution_id, attend.choose_route, **body.model_dump())


class SkipStep(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(operation_id="skip_step", request=answers.SkipBody, responses={200: ExecutionAnswer})
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Leave out the step that it stands at, and go on with the next one."""
        body = check(answers.SkipBody, request.data)
        return _attend(request, execution_id, attend.skip_step, **body.model_dump())


class Edit(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="edit_execution", request=answers.EditBody, responses={200: answers.EditedAnswer}
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Suggest other arguments for what needs attention: nothing is tried before people approve them.

        422 names each wrong argument, the boundary, or the rules that block. 409 `carried-out-already` once a
        step took effect, `may-have-happened` where an attempt may have: look first, then send `checked`. The
        same arguments as approved are tried again at once.
        """
        body = check(answers.EditBody, request.data)
        execution = _known(request, execution_id)
        edited = edit.edit_and_retry(
            execution,
            by=person_of(request),
            actor=actor_of(request),
            arguments=body.arguments,
            reason=body.reason,
            checked=body.checked,
            seen=body.round,
        )
        return Response(_edited(execution, edited))


class FormerExecutions(APIView):
    permission_classes = [has_permission(VIEWS)]

    @extend_schema(operation_id="list_former_executions", responses={200: answers.FormerAnswers})
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """What was suggested in the place of what had been approved, and what had been tried before."""
        known = Proposal.objects.visible_to(person_of(request)).filter(pk=proposal_id)
        if not known.exists():
            raise Http404
        return Response(answers.FormerAnswers(former=former.told(proposal_id)))


class OfferToUndo(APIView):
    permission_classes = [has_permission(VIEWS)]

    @extend_schema(operation_id="get_compensation", responses={200: answers.CompensationAnswer})
    def get(self, request: Request, execution_id: UUID) -> Response:
        """The newest offer to undo what was done, with the exact calls; 404 where there is none."""
        return Response(_offer(_latest(request, execution_id)))


class ApproveUndo(APIView):
    permission_classes = [has_permission(VIEWS)]

    @extend_schema(
        operation_id="approve_compensation",
        request=answers.ApproveUndoBody,
        responses={200: answers.CompensationAnswer},
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Agree to exactly the calls of this digest; with enough people they are made.

        For whoever could decide on the action, and operators, but not for the agent's owner; else a 403.
        409 `another-undo` where they are no longer those, `not-offered` where the offer is over.
        """
        body = check(answers.ApproveUndoBody, request.data)
        offer = _latest(request, execution_id)
        by, actor = person_of(request), actor_of(request)
        return Response(_offer(compensation.approve(offer, by=by, actor=actor, **body.model_dump())))


class DeclineUndo(APIView):
    permission_classes = [has_permission(VIEWS)]

    @extend_schema(
        operation_id="decline_compensation",
        request=answers.DeclineUndoBody,
        responses={200: answers.CompensationAnswer},
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Leave what was done as it is; for whoever could decide on the action, and operators."""
        body = check(answers.DeclineUndoBody, request.data or {})
        offer = _latest(request, execution_id)
        if body.digest not in ("", offer.digest):
            raise compensation.AnotherUndo
        compensation.decline(offer, by=person_of(request), reason=body.reason, actor=actor_of(request))
        return Response(_offer(_latest(request, execution_id)))


class Breakers(APIView):
    permission_classes = [has_permission(VIEWS)]

    @extend_schema(operation_id="list_breakers", responses={200: answers.BreakersAnswer})
    def get(self, request: Request) -> Response:
        """The routes that workers ask, whether they may at the moment, and why not."""
        return Response(answers.BreakersAnswer(breakers=[_breaker(one) for one in breakers.all_routes()]))


class OpenBreaker(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="open_breaker", request=answers.BreakerBody, responses={200: answers.BreakerAnswer}
    )
    def post(self, request: Request) -> Response:
        """Let a route alone until somebody closes its breaker: steps take their other routes, or wait."""
        body = check(answers.BreakerBody, request.data)
        return Response(_breaker(breakers.open_by_hand(**body.model_dump(), actor=actor_of(request))))


class CloseBreaker(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="close_breaker", request=answers.BreakerBody, responses={200: answers.BreakerAnswer}
    )
    def post(self, request: Request) -> Response:
        """Let workers ask a route again; what waited for it goes on."""
        body = check(answers.BreakerBody, request.data)
        return Response(_breaker(breakers.close_by_hand(**body.model_dump(), actor=actor_of(request))))


def _attend(request: Request, execution_id: UUID, verb: Callable[..., None], **words: Any) -> Response:
    """Call the verb, and tell how it stands then."""
    execution = _known(request, execution_id)
    verb(execution, by=person_of(request), actor=actor_of(request), **words)
    return _told(request, execution)


def _told(request: Request, execution: Execution) -> Response:
    found = _again(execution)
    return Response(story(found, for_people=not isinstance(request.user, AgentCaller)))


def _again(execution: Execution) -> Execution:
    """As it stands by now."""
    found = of_proposal(Proposal.objects.filter(pk=execution.proposal_id), execution.proposal_id)
    if found is None:
        raise Http404
    return found


def _edited(execution: Execution, edited: FormerExecution | None) -> answers.EditedAnswer:
    return answers.EditedAnswer(
        proposal=execution.proposal_id,
        status="pending" if edited else "approved",
        action_digest=edited.edited_digest if edited else execution.action_digest,
        former=former.told_one(edited) if edited else None,
        execution=None if edited else story(_again(execution), for_people=True),
    )


def _known(request: Request, execution_id: UUID) -> Execution:
    """One that this caller may know about: an agent those of its own proposals."""
    caller: Any = request.user
    own = isinstance(caller, AgentCaller)
    known = (
        Execution.objects.filter(proposal__in=Proposal.objects.asked().filter(agent=caller.agent))
        if own
        else Execution.objects.visible_to(caller)
    )
    execution = known.filter(pk=execution_id).first()
    if execution is None:
        raise Http404
    return execution


def _latest(request: Request, execution_id: UUID) -> Compensation:
    offers = Compensation.objects.filter(execution=_known(request, execution_id))
    offer = offers.order_by("-pk").first()
    if offer is None:
        raise Http404
    return offer


def _offer(offer: Compensation) -> answers.CompensationAnswer:
    return answers.CompensationAnswer(
        id=offer.pk,
        execution=offer.execution_id,
        status=offer.status,
        digest=offer.digest,
        calls=offer.calls,
        approvals=[
            answers.UndoApprovalAnswer(by=one["name"], reason=one["reason"]) for one in offer.approvals
        ],
        approvals_needed=offer.approvals_needed,
        reason=offer.reason,
        offered_at=offer.offered_at,
        ended_at=offer.ended_at,
    )


def _breaker(found: breakers.Stands) -> answers.BreakerAnswer:
    breaker = found.breaker
    return answers.BreakerAnswer(
        route=found.route,
        state=found.state,
        failures=found.failures,
        since=breaker.changed_at if breaker else None,
        until=breaker.until if breaker else None,
        reason=breaker.reason if breaker else "",
        by=(breaker.by or None) if breaker else None,
        actions=found.actions,
        history=[
            answers.BreakerChangeAnswer(
                state=change.state, at=change.at, by=change.by or None, reason=change.reason
            )
            for change in found.history
        ],
    )
