"""What a team carries out by hand, as its pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from approvals.deciding.together import defaults, leaves
from approvals.showing.arguments import in_words
from audit.ground.unseen import Piece, pieces, shown
from execution.desk.read import halt_of
from execution.manual.forms import form_of
from execution.manual.tasks import may_do
from execution.models import Execution, ManualTask
from execution.models.manual import ManualTaskQuerySet
from execution.running.approval import broken
from governance.models import ActionType, User
from governance.showing.sentences import path_labels
from suggestions.models import Proposal

PAGE = 50
Labelled = list[tuple[str, list[Piece]]]
_DRAWN_AS = {"done": "succeeded", "not_done": "failed"}
_SAID = {"done": "done", "not_done": "could not be done", "open": "its time was over"}


@dataclass(frozen=True, slots=True)
class Row:
    """One task of the list; `how` says what became of it."""

    id: UUID
    url: str
    title: list[Piece]
    sentence: list[Piece]
    team: str
    who: str
    deadline: datetime
    status: str
    how: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One task's page. What was approved is there only while what people decided stands behind it."""

    task: ManualTask
    row: Row
    arguments: Labelled
    action: str
    agent: str
    step: str
    digest: str
    proposal_url: str
    may_do: bool
    is_mine: bool
    held: str
    broken: str
    answer: Labelled
    comment: list[Piece]


def page_of(user: User, *, ended: bool, team: str = "", before: UUID | None = None) -> list[ManualTask]:
    """The tasks that this person may know of, one more than a page has: open ones by deadline."""
    found = tasks_of(user, ended=ended)
    if team:
        found = found.filter(team=team)
    if before:
        found = found.filter(pk__lt=before)
    rows = found.defer("execution__proposal__resolution__arguments")
    return list(rows.order_by("-pk" if ended else "execution__deadline", "pk")[: PAGE + 1])


def tasks_of(user: User, *, ended: bool) -> ManualTaskQuerySet:
    """What this person may know of: what is open, or everything else."""
    found = ManualTask.objects.visible_to(user)
    return _joined(found.exclude(pk__in=found.open()) if ended else found.open())


def how_many_open(user: User) -> int:
    return ManualTask.objects.visible_to(user).open().order_by()[: PAGE * 2].count()


def task_for(user: User, task_id: UUID) -> ManualTask | None:
    return _joined(ManualTask.objects.visible_to(user)).filter(pk=task_id).first()


def _joined(found: ManualTaskQuerySet) -> ManualTaskQuerySet:
    return found.select_related(
        "team",
        "step",
        "claimed_by",
        "ended_by",
        "execution__proposal__agent",
        "execution__proposal__resolution",
        "execution__suggestion__action_type",
    )


def row_of(task: ManualTask) -> Row:
    still = is_open(task)
    resolution = task.execution.proposal.resolution
    who = task.ended_by or task.claimed_by
    return Row(
        id=task.pk,
        url=reverse("approvals:task", args=[task.pk]),
        title=pieces(task.title),
        sentence=pieces(resolution.sentence or task.execution.suggestion.sentence),
        team=shown(task.team.name),
        who=shown(who.printed_name) if who else "",
        deadline=task.execution.deadline,
        status="open" if still else _DRAWN_AS.get(task.status, "cancelled"),
        how="open" if still else _how(task),
        at=task.ended_at,
    )


def is_open(task: ManualTask) -> bool:
    """As `ManualTask.objects.open()` has it, of a task that was read with its execution."""
    here = task.execution.status == Execution.Status.HANDED_BACK and task.round == task.execution.round
    return task.status == ManualTask.Status.OPEN and here


def _how(task: ManualTask) -> str:
    if task.status == ManualTask.Status.OPEN and task.execution.status == Execution.Status.CANCELLED:
        return "cancelled"
    if task.status == ManualTask.Status.OPEN and task.execution.status == Execution.Status.SUCCEEDED:
        return "done otherwise"
    return _SAID[task.status]


def shown_to(user: User, task: ManualTask) -> Shown:
    execution = task.execution
    proposal, kind = execution.proposal, execution.suggestion.action_type
    wrong = broken(execution)
    halt = halt_of(execution)
    known = Proposal.objects.visible_to(user).filter(pk=proposal.pk).exists()
    return Shown(
        task=task,
        row=row_of(task),
        arguments=[] if wrong else labelled(kind, proposal.resolution.arguments or {}),
        action=kind.name,
        agent=shown(proposal.agent.name),
        step=task.step.name,
        digest=execution.action_digest,
        proposal_url=reverse("approvals:proposal", args=[proposal.pk]) if known else "",
        may_do=is_open(task) and not wrong and may_do(task, user),
        is_mine=task.claimed_by_id == user.pk,
        held=halt.sentence if halt else "",
        broken=wrong,
        answer=_answer(task),
        comment=pieces(task.comment),
    )


def labelled(kind: ActionType, arguments: dict[str, Any]) -> Labelled:
    """Every value by what its place is called, and what is left out with its default."""
    values = [*leaves(arguments, kind), *defaults(arguments, kind)]
    called = path_labels(kind, arguments, [path for path, _ in values])
    return [(called[path], pieces(in_words(value))) for path, value in values]


def _answer(task: ManualTask) -> Labelled:
    """What was filled in, called as the form calls it."""
    form = form_of(task)
    return labelled(form.type, task.answer) if form and task.answer else []
