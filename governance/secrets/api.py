"""Secrets over the API: written, granted and deleted, and never read."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field, SecretStr
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, Instant
from audit.asking.bodies import Strict, check
from audit.asking.parameters import check_only
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.secrets import keep, read

PAGE = 50


class SecretUserAnswer(Answer):
    """An action type whose current workflow names the secret."""

    action: str
    version: int
    granted: bool = Field(description="Whether it may use it; where not, its calls are not sent.")


class SecretAnswer(Answer):
    """What is known of a secret. Its value is never told."""

    name: str
    description: str
    granted_to: list[str] = Field(description="Names of action types, which need not be there yet.")
    used_by: list[SecretUserAnswer]
    written_at: Instant
    certificate_until: Instant | None = Field(description="When the client certificate in it ends.")
    last_used_at: Instant | None = Field(description="To the minute.")


class SecretPage(Answer):
    """By name."""

    secrets: list[SecretAnswer]
    next: str | None = Field(description="The `after` of the page after this one; null: it is the last.")


class SecretBody(Strict):
    """A secret to be kept. A client certificate is PEM of certificate, chain and key together."""

    name: str = Field(max_length=64)
    value: SecretStr
    description: str = Field("", max_length=keep.LONGEST_DESCRIPTION)
    granted_to: list[str] = Field(default=[], max_length=keep.MOST_GRANTS)


class ValueBody(Strict):
    value: SecretStr


class GrantsBody(Strict):
    """All that may use it from now on."""

    granted_to: list[str] = Field(max_length=keep.MOST_GRANTS)


class _SecretView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        may = "view_secret" if self.request.method == "GET" else "change_secret"
        return [has_permission(f"governance.{may}")()]


class Secrets(_SecretView):
    @extend_schema(
        operation_id="list_secrets",
        responses={200: SecretPage},
        parameters=[OpenApiParameter("after", str, description="`next` of the page before.")],
    )
    def get(self, request: Request) -> Response:
        """Which secrets there are, who may use them and whose workflows do. Values are never told."""
        check_only(request, {"after"})
        rows, has_more = read.page(after=request.query_params.get("after", ""), size=PAGE)
        following = rows[-1].secret.name if has_more else None
        return Response(SecretPage(secrets=[_presented(known) for known in rows], next=following))

    @extend_schema(operation_id="write_secret", request=SecretBody, responses={201: SecretAnswer})
    def post(self, request: Request) -> Response:
        """Keep a new secret. It is never told again."""
        body = check(SecretBody, request.data)
        keep.write(
            body.name,
            body.value.get_secret_value(),
            description=body.description,
            granted_to=body.granted_to,
            by=person_of(request),
            actor=actor_of(request),
        )
        return Response(_presented(_found(body.name)), status=201)


class OneSecret(_SecretView):
    @extend_schema(operation_id="get_secret", responses={200: SecretAnswer})
    def get(self, request: Request, secret: str) -> Response:
        """What is known of it."""
        return Response(_presented(_found(secret)))

    @extend_schema(
        operation_id="delete_secret",
        responses={204: None},
        parameters=[
            OpenApiParameter(
                "although_used", bool, description="`true`: also where workflows name it, see `used_by`."
            )
        ],
    )
    def delete(self, request: Request, secret: str) -> Response:
        """Forget it for good. Where workflows name it, that has to be said."""
        check_only(request, {"although_used"})
        said = request.query_params.get("although_used", "false")
        if said not in ("true", "false"):
            raise Invalid.field("?although_used", "true or false.")
        keep.delete(_found(secret).secret, although_used=said == "true", actor=actor_of(request))
        return Response(status=204)


class SecretValue(_SecretView):
    @extend_schema(operation_id="replace_secret", request=ValueBody, responses={200: SecretAnswer})
    def put(self, request: Request, secret: str) -> Response:
        """Another value in its place, which calls use within seconds."""
        body = check(ValueBody, request.data)
        value = body.value.get_secret_value()
        keep.replace(_found(secret).secret, value, by=person_of(request), actor=actor_of(request))
        return Response(_presented(_found(secret)))


class SecretGrants(_SecretView):
    @extend_schema(operation_id="grant_secret", request=GrantsBody, responses={200: SecretAnswer})
    def put(self, request: Request, secret: str) -> Response:
        """Say which action types may use it, and no others. It counts within seconds."""
        body = check(GrantsBody, request.data)
        keep.grant(_found(secret).secret, body.granted_to, actor=actor_of(request))
        return Response(_presented(_found(secret)))


def _found(name: str) -> read.Known:
    known = read.one(name)
    if known is None:
        raise Http404
    return known


def _presented(known: read.Known) -> SecretAnswer:
    secret = known.secret
    return SecretAnswer(
        name=secret.name,
        description=secret.description,
        granted_to=secret.granted_to,
        used_by=[
            SecretUserAnswer(action=user.action, version=user.version, granted=user.is_granted)
            for user in known.used_by
        ],
        written_at=secret.written_at,
        certificate_until=secret.certificate_until,
        last_used_at=known.last_used_at,
    )
