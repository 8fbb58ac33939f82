"""Refusals as RFC 9457 problem details: one table from what happened to a status code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import structlog
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, JsonResponse
from pydantic import ConfigDict, Field
from rest_framework import exceptions
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.response import Response

from approvals.attention.seen import NotAllShown
from approvals.beside.claims import ClaimedByAnother, NotYours
from approvals.bulk.answer import BatchOver, NotTogether, OtherBatch
from approvals.deciding.decide import DigestMismatch, NothingToTakeBack
from approvals.deciding.edits import EditBlocked, JudgedAnew
from approvals.deciding.may_decide import AlreadyDecided, NotInTeam, OwnAgent, TooLate
from approvals.deciding.reopen import NothingToReopen
from approvals.deciding.second import NotAskedOfYou
from approvals.deciding.step_up import StepUpNeeded
from approvals.deciding.undo import NotYourApproval
from approvals.desk.first import NobodyToOwnIt
from approvals.looking.kept import LookGone
from approvals.standing.standing import NoDecision, SeveralTeams
from approvals.vigilance.plans import AlreadyRetired
from approvals.vigilance.samples import NotAsked, OwnSample
from audit.asking.addresses import address_of, source_of
from audit.asking.answers import Answer, DocumentedAs, FieldError, Instant, left_out
from audit.asking.gate import Malformed, TooLarge
from audit.ground.database_errors import is_away, is_refused, named
from audit.ground.refusals import Invalid, Refusal
from audit.log import counted
from execution.board.breakers import ClosedAlready
from execution.board.edit import CarriedOutAlready, TooLateToEdit
from execution.bulk.start import AlreadyRuns, NotRunning, NotStopped, OtherBulkRetry
from execution.desk.attend import MayHaveHappened, NothingInDoubt, NotThatStep, NotWaiting
from execution.handing_back.begin import (
    AlreadyBegun,
    LeaseOver,
    NotHandedBack,
    NotProved,
    NotSeen,
    OnHold,
    WentStale,
)
from execution.handing_back.hand_back import AnotherOutcome, ReportedTooLate
from execution.healing.compensation import (
    AnotherUndo,
    ApprovedAlready,
    NotAskedToUndo,
    NotOffered,
    OwnAgentsWork,
)
from execution.healing.signals import AnotherSignal, TooLateForSignal
from execution.manual.tasks import NotOfTheTeam, SaysNothing, TaskIsOver
from execution.running.undo import TooLateToUndo
from governance.actions.changes import NeedsConsent
from governance.agents import hits
from governance.agents.agents import ChangedMeanwhile
from governance.agents.boundaries import BoundaryHit
from governance.agents.callback_secret import NothingOverlaps, TooManySecrets
from governance.agents.deployments import (
    LabelTaken,
    MayNotApprove,
    NoEarlierDeployment,
    NotYourAgent,
    OwnDeployment,
    WrongStatus,
)
from governance.agents.rate import TooOften
from governance.door import strangers
from governance.door.authentication import AgentCaller
from governance.people.absences import NothingToEnd, NotYourAbsence
from governance.policies.lifecycle import MayNotChangePolicies, NothingBefore, OwnPolicy, WrongState
from governance.secrets.keep import Gone, NameTaken, StillUsed
from governance.trust import standing
from governance.trust.autonomy import (
    NotAnOperator,
    UnknownAction,
    UnknownAgent,
    UnknownStage,
)
from governance.trust.halts import AlreadyHalted, NotOn
from governance.trust.incidents import AlreadyTakenOn, IncidentIsClosed, OwnersWord
from governance.workflows.save import ReplacedMeanwhile
from insights.trust.promote import GatesMissing, NothingHigher
from reviewapp.processes import metrics
from suggestions.allowance.budgets import BudgetSpent
from suggestions.answering.resolve import AlreadyResolved
from suggestions.intake.answers import EarlierAnswer
from suggestions.intake.api import KeyMissing, NotAnAgent
from suggestions.intake.asking_again import AlreadyRejected
from suggestions.intake.submit import KeyReused, StillInFlight
from suggestions.telling_agents.anew import NoneFailed, WaitsAlready
from suggestions.telling_agents.endpoints import NotPaused
from suggestions.trying.backtest import BacktestOver, BacktestRuns

STATUS: dict[type[Refusal], int] = {
    NotYourAgent: 403,
    NameTaken: 409,
    StillUsed: 409,
    Gone: 404,
    MayNotApprove: 403,
    OwnDeployment: 403,
    LabelTaken: 409,
    WrongStatus: 409,
    NoEarlierDeployment: 409,
    Malformed: 400,
    KeyMissing: 400,
    BoundaryHit: 403,
    NotAnAgent: 403,
    NotInTeam: 403,
    OwnAgent: 403,
    NotYourAbsence: 403,
    NothingToEnd: 409,
    NothingOverlaps: 409,
    TooManySecrets: 409,
    NoneFailed: 409,
    NotPaused: 409,
    WaitsAlready: 409,
    StepUpNeeded: 403,
    MayNotChangePolicies: 403,
    OwnPolicy: 403,
    ChangedMeanwhile: 409,
    ReplacedMeanwhile: 409,
    OwnersWord: 403,
    OwnSample: 403,
    NotAnOperator: 403,
    NeedsConsent: 409,
    UnknownAction: 422,
    UnknownAgent: 422,
    UnknownStage: 422,
    GatesMissing: 409,
    NothingHigher: 409,
    AlreadyTakenOn: 409,
    IncidentIsClosed: 409,
    NotAsked: 409,
    AlreadyDecided: 409,
    BatchOver: 409,
    NobodyToOwnIt: 409,
    NotTogether: 409,
    OtherBatch: 409,
    NotAllShown: 409,
    LookGone: 409,
    NothingToTakeBack: 409,
    ClaimedByAnother: 409,
    NotYours: 409,
    NotYourApproval: 403,
    TooLateToUndo: 409,
    AlreadyRejected: 409,
    AlreadyResolved: 409,
    DigestMismatch: 409,
    TooLate: 409,
    WrongState: 409,
    BacktestRuns: 409,
    BacktestOver: 409,
    NothingBefore: 409,
    EditBlocked: 422,
    JudgedAnew: 409,
    StillInFlight: 409,
    AlreadyHalted: 409,
    NotOn: 409,
    AlreadyRetired: 409,
    NotAskedOfYou: 409,
    NotHandedBack: 409,
    NotWaiting: 409,
    NothingInDoubt: 409,
    NotThatStep: 409,
    CarriedOutAlready: 409,
    TooLateToEdit: 409,
    MayHaveHappened: 409,
    AnotherUndo: 409,
    ApprovedAlready: 409,
    NotOffered: 409,
    NotAskedToUndo: 403,
    OwnAgentsWork: 403,
    AnotherSignal: 409,
    TooLateForSignal: 409,
    ClosedAlready: 409,
    AlreadyRuns: 409,
    NotRunning: 409,
    NotStopped: 409,
    OtherBulkRetry: 409,
    NotOfTheTeam: 403,
    TaskIsOver: 409,
    SaysNothing: 422,
    AlreadyBegun: 409,
    LeaseOver: 409,
    OnHold: 409,
    NotProved: 409,
    WentStale: 409,
    NotSeen: 409,
    AnotherOutcome: 409,
    ReportedTooLate: 409,
    NothingToReopen: 409,
    NoDecision: 409,
    SeveralTeams: 409,
    standing.NotYourTeam: 403,
    standing.YourOwnAgent: 403,
    standing.YourOwnDraft: 403,
    standing.NotOpen: 409,
    standing.TooMany: 409,
    TooLarge: 413,
    Invalid: 422,
    KeyReused: 422,
    TooOften: 429,
    BudgetSpent: 429,
}
LONGEST_POINTER = 200  # it holds names that the sender chose
RECORDED = {401, 403, 409, 422, 429}
CONTENT_TYPE = "application/problem+json"
AWAY = "The database is not available. Ask again: with the same Idempotency-Key nothing happens twice."
BROKE = "Something broke on our side; it has been written down."
_log = structlog.get_logger(__name__)


class Winner(Answer):
    """Who or what answered a proposal first."""

    status: str
    by: str
    at: Instant


class Problem(Answer):
    """Refused, as RFC 9457 has it. A kind of problem may have members of its own beside these."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="For programs: `urn:reviewapp:problem:` and what happened.")
    title: str
    status: int
    detail: str = Field(description="For people: why, and what to do about it.")
    instance: str = left_out("The id of the request, as the log has it.")
    errors: Annotated[Any, DocumentedAs(list[FieldError])] = left_out("Each field that is wrong.")
    boundary: Annotated[Any, DocumentedAs(str)] = left_out("Which boundary of the agent was hit.")
    retry_after: Annotated[Any, DocumentedAs(int | None)] = left_out("Seconds after which to ask again.")
    winner: Annotated[Any, DocumentedAs(Winner)] = left_out("The answer that came first.")
    earlier: Annotated[Any, DocumentedAs(EarlierAnswer)] = left_out()


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: every error of the API as a problem; refusals that matter as events too."""
    request = context["request"]
    body, headers = _problem(error)
    if body is None:
        return None
    body = body.model_copy(update={"instance": f"urn:uuid:{_request_id(request)}"})
    # The page about the API is drawn by a template, which adds to what it is given.
    is_page = isinstance(getattr(request, "accepted_renderer", None), TemplateHTMLRenderer)
    data = body.model_dump() if is_page else body
    response = Response(data, status=body.status, headers=headers, content_type=CONTENT_TYPE)
    response.exception = True
    if body.status in RECORDED:
        _record(request, body, error)
    return response


def _problem(error: Exception) -> tuple[Problem | None, dict[str, str]]:
    if isinstance(error, Refusal):
        status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 422)
        wait = error.facts.get("retry_after")
        headers = {} if wait is None else {"Retry-After": str(wait)}
        return problem(status, type(error).__name__, error.detail, **error.facts), headers
    if isinstance(error, Http404 | ObjectDoesNotExist):
        return problem(404, "NotFound", "There is nothing here that you may see."), {}
    if isinstance(error, PermissionDenied):
        return problem(403, "PermissionDenied", "Your role does not allow this."), {}
    if isinstance(error, exceptions.ValidationError):
        return problem(400, "Invalid", "Some fields are not as they must be.", errors=error.detail), {}
    if isinstance(error, exceptions.APIException):
        return _from_framework(error)
    if isinstance(error, DatabaseError | InterfaceError):
        return _of_database(error)
    return None, {}


def _of_database(error: Exception) -> tuple[Problem, dict[str, str]]:
    """503 where asking again is right, be it once an operator has seen to it; else a mistake of ours."""
    away = alarm(error)
    if away:
        return problem(503, "Unavailable", AWAY), {"Retry-After": "2"}
    return problem(500, "ServerError", BROKE), {}


def alarm(error: Exception) -> bool:
    """Count and log a failure of the database, without what it says; returns whether to ask again later."""
    away = is_away(error)
    metrics.database_failed("away" if away else "error")
    _log.error("database away" if away else "database refused", error=named(error), exc_info=not away)
    return away or is_refused(error)


def _from_framework(error: exceptions.APIException) -> tuple[Problem, dict[str, str]]:
    detail = str(error.detail)
    if isinstance(error, exceptions.UnsupportedMediaType):
        detail = "Send JSON, with Content-Type: application/json."
    authenticate = getattr(error, "auth_header", None)
    headers = {"WWW-Authenticate": authenticate} if authenticate else {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(wait)
    return problem(error.status_code, type(error).__name__, detail), headers


def problem(status: int, kind: str, detail: str, /, **facts: Any) -> Problem:
    """The members of RFC 9457; `facts` are extensions, and never take a member's place."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in kind).strip()
    members = {
        "type": f"urn:reviewapp:problem:{words.replace(' ', '-')}",
        "title": words.capitalize(),
        "status": status,
        "detail": detail,
    }
    return Problem(**{**facts, **members})


def _record(request: Any, body: Problem, error: Exception) -> None:
    """Write the refusal down, or count it; what is refused never fails for the log's sake."""
    user: Any = getattr(request, "user", None)
    match = request.resolver_match
    data = {
        "status": body.status,
        "problem": body.type,
        "method": request.method,
        "route": match.route if match else "",
        "request": _request_id(request),
    }
    if not getattr(user, "is_authenticated", False):
        _of_stranger(request, data)
        return
    pointers = [e["pointer"][:LONGEST_POINTER] for e in body.errors or [] if isinstance(e, dict)]
    if pointers:
        data["fields"] = pointers[:20]
    earlier = (body.earlier or {}).get("proposal")  # what it was refused for
    try:
        if isinstance(error, BoundaryHit) and isinstance(user, AgentCaller):
            hits.tell(error, agent=user.agent, data=data)
        else:
            told = hits.facts_of(error) if isinstance(error, BoundaryHit) else {}
            about = UUID(earlier) if earlier else None
            counted.of_known(user.as_actor(), {**data, **told}, proposal=about)
    except DatabaseError:
        _log.exception("refusal not recorded", status=body.status)


def _of_stranger(request: Any, data: dict[str, Any]) -> None:
    source = source_of(address_of(request))
    found = counted.of_stranger(source, data)
    strangers.refused(source, count=found.count, left=found.left)


def _request_id(request: Any) -> str:
    return getattr(getattr(request, "_request", request), "request_id", "")


def answer(status: int, kind: str, detail: str, *, errors: Sequence[dict[str, str]] = ()) -> JsonResponse:
    """A problem outside of DRF: an address that does not exist, an error nobody expected."""
    facts = {"errors": list(errors)} if errors else {}
    body = problem(status, kind, detail, **facts)
    return JsonResponse(body.as_json(), status=status, content_type=CONTENT_TYPE)


def is_for_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(("/api/", "/log/"))
