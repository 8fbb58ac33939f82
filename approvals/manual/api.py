"""What teams carry out by hand, over the API: with the token of somebody of the team."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.manual import read
from audit.asking.answers import Answer, Id, Next, OneOf, left_out
from audit.asking.bodies import Strict, check
from audit.asking.parameters import one_of, page_of
from audit.asking.who import actor_of
from audit.ground.unseen import shown
from execution.manual import tasks
from execution.models import ManualTask
from execution.running.approval import broken
from governance.door.authentication import person_of
from governance.door.deciders import DECIDES
from governance.door.permissions import has_permission

STATES = ("open", "ended")


class TaskAnswer(Answer):
    """One step that a team carries out by hand."""

    id: Id
    proposal: Id
    execution: Id
    step: str
    team: str
    title: str
    sentence: str = Field(description="What was approved, in words.")
    action: str
    arguments: dict[str, Any] | None = left_out(
        "Carry out exactly these; null where what people decided no longer stands behind them. Not in lists."
    )
    action_digest: str
    form: dict[str, Any] | None = Field(description="The JSON Schema of `answer`; null: there is none.")
    is_open: bool
    status: Annotated[str, OneOf(ManualTask.Status)]
    opened_at: datetime
    deadline: datetime = Field(description="Not told of by then, somebody else is asked.")
    claimed_by: str | None
    ended_by: str | None
    ended_at: datetime | None
    answer: dict[str, Any] | None
    comment: str


class TaskPage(Answer):
    """The newest first."""

    tasks: list[TaskAnswer]
    next: Next


class DoneBody(Strict):
    """`answer` fits the form, where there is one; without a form the comment says what was done."""

    answer: dict[str, Any] | None = None
    comment: str = Field("", max_length=tasks.LONGEST_COMMENT)


class GivenUpBody(Strict):
    reason: str = Field(min_length=1, max_length=tasks.LONGEST_COMMENT)


class ManualTasks(APIView):
    permission_classes = [has_permission("suggestions.view_proposal")]

    @extend_schema(
        operation_id="list_manual_tasks",
        responses={200: TaskPage},
        parameters=[
            OpenApiParameter("status", str, enum=STATES, description="`open` where left out."),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """What your teams carry out by hand, or did; auditors and operators see that of all teams."""
        known = read.tasks_of(
            person_of(request), ended=one_of(request, "status", STATES, otherwise="open") == "ended"
        )
        page = page_of(request, known, size=read.PAGE)
        return Response(TaskPage(tasks=[_listed(task) for task in page.rows], next=page.next))


class OneManualTask(APIView):
    permission_classes = [has_permission("suggestions.view_proposal")]

    @extend_schema(operation_id="get_manual_task", responses={200: TaskAnswer})
    def get(self, request: Request, task_id: UUID) -> Response:
        """What was approved, what is to be filled in, and what came of it."""
        return Response(_presented(_task(request, task_id)))


class ClaimTask(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="claim_manual_task", request=None, responses={200: TaskAnswer})
    def post(self, request: Request, task_id: UUID) -> Response:
        """Tell others that you are on it, in the place of whoever was. 409 `task-is-over`."""
        task = _task(request, task_id)
        tasks.claim(task, by=person_of(request), actor=actor_of(request))
        return Response(_presented(_task(request, task_id)))


class ReleaseTask(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="release_manual_task", request=None, responses={200: TaskAnswer})
    def post(self, request: Request, task_id: UUID) -> Response:
        """Let go of it."""
        tasks.release(_task(request, task_id), by=person_of(request), actor=actor_of(request))
        return Response(_presented(_task(request, task_id)))


class TaskDone(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="complete_manual_task", request=DoneBody, responses={200: TaskAnswer})
    def post(self, request: Request, task_id: UUID) -> Response:
        """State that it was done; `answer` is what later steps use. 422 names each wrong field."""
        body = check(DoneBody, request.data)
        by, actor = person_of(request), actor_of(request)
        tasks.report_done(
            _task(request, task_id), by=by, answer=body.answer, comment=body.comment, actor=actor
        )
        return Response(_presented(_task(request, task_id)))


class TaskGivenUp(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="give_up_manual_task", request=GivenUpBody, responses={200: TaskAnswer})
    def post(self, request: Request, task_id: UUID) -> Response:
        """State that nothing of it was done, and why; an operator is asked to go on with it."""
        body = check(GivenUpBody, request.data)
        by, actor = person_of(request), actor_of(request)
        tasks.give_up(_task(request, task_id), by=by, reason=body.reason, actor=actor)
        return Response(_presented(_task(request, task_id)))


def _task(request: Request, task_id: UUID) -> ManualTask:
    task = read.task_for(person_of(request), task_id)
    if task is None:
        raise Http404
    return task


def _presented(task: ManualTask) -> TaskAnswer:
    """With the arguments, which are proved first: a question of its own."""
    arguments = None if broken(task.execution) else task.execution.proposal.resolution.arguments
    return _listed(task, arguments=arguments)


def _listed(task: ManualTask, **more: Any) -> TaskAnswer:
    execution = task.execution
    return TaskAnswer(
        **more,
        id=task.pk,
        proposal=execution.proposal_id,
        execution=execution.pk,
        step=task.step.name,
        team=task.team_id,
        title=shown(task.title),
        sentence=shown(execution.proposal.resolution.sentence or execution.suggestion.sentence),
        action=execution.suggestion.action_type.name,
        action_digest=execution.action_digest,
        form=task.form,
        is_open=read.is_open(task),
        status=task.status,
        opened_at=task.opened_at,
        deadline=execution.deadline,
        claimed_by=shown(task.claimed_by.printed_name) if task.claimed_by else None,
        ended_by=shown(task.ended_by.printed_name) if task.ended_by else None,
        ended_at=task.ended_at,
        answer=task.answer,
        comment=task.comment,
    )
