"""Out of office over the API: for calendars, and for operators' programs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, Id
from audit.asking.bodies import Moment, Strict, check
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import Absence, User
from governance.models.absences import AbsenceQuerySet
from governance.people import absences

MOST = 200
SEES = has_permission("suggestions.view_proposal")


class AbsenceBody(Strict):
    """`person` is oneself where it is left out; it begins now where `since` is."""

    person: str = Field("", max_length=150)
    deputy: str = Field(max_length=150)
    since: Moment | None = None
    until: Moment
    reason: str = Field("", max_length=200)


class AbsenceAnswer(Answer):
    """Who is out of office, and who stands in. People are told by their user names."""

    id: Id
    person: str
    deputy: str
    since: datetime
    until: datetime
    running: bool


class AbsencesAnswer(Answer):
    absences: list[AbsenceAnswer]


class Absences(APIView):
    permission_classes = [SEES]

    @extend_schema(operation_id="list_absences", responses={200: AbsencesAnswer})
    def get(self, request: Request) -> Response:
        """Who is or will be out of office, and who stands in: oneself, and for whom one does; everybody
        for operators."""
        planned = _seen_by(person_of(request)).coming_or_running().order_by("since")[:MOST]
        return Response(AbsencesAnswer(absences=[_presented(absence) for absence in planned]))

    @extend_schema(operation_id="set_absence", request=AbsenceBody, responses={201: AbsenceAnswer})
    def post(self, request: Request) -> Response:
        """Be out of office, with a deputy who decides meanwhile; operators may say it of others."""
        body = check(AbsenceBody, request.data)
        by = person_of(request)
        found = absences.set_out(
            _named(body.person, "/person") if body.person else by,
            deputy=_named(body.deputy, "/deputy"),
            since=body.since,
            until=body.until,
            reason=body.reason,
            by=by,
            actor=actor_of(request),
        )
        return Response(_presented(_seen_by(by).get(pk=found.pk)), status=201)


class EndAbsence(APIView):
    permission_classes = [SEES]

    @extend_schema(operation_id="end_absence", request=None, responses={200: AbsenceAnswer})
    def post(self, request: Request, absence_id: UUID) -> Response:
        """End it now, or before it began."""
        by = person_of(request)
        found = _seen_by(by).filter(pk=absence_id).first()
        if found is None:
            raise Http404
        absences.end(found, by=by, actor=actor_of(request))
        return Response(_presented(found).model_copy(update={"running": False}))


def _seen_by(person: User) -> AbsenceQuerySet:
    return Absence.objects.visible_to(person).with_running().select_related("person", "deputy")


def _named(name: str, pointer: str) -> User:
    found = User.objects.filter(username=name).first()
    if found is None:
        raise Invalid.field(pointer, f"There is no user {name}.")
    return found


def _presented(absence: Absence) -> AbsenceAnswer:
    return AbsenceAnswer(
        id=absence.pk,
        person=absence.person.username,
        deputy=absence.deputy.username,
        since=absence.since,
        until=absence.until,
        running=absence.is_running,  # type: ignore[attr-defined]
    )
