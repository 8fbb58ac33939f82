"""Policies over the API: read, check, draft, approve, activate, roll back. A team's CI asks here."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from django.conf import settings
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from audit.asking.answers import (
    Answer,
    DocumentedAs,
    FieldError,
    Id,
    Instant,
    OneOf,
    ShareAnswer,
    left_out,
)
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid, pointer_of
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import PolicyVersion
from governance.policies import check_policy, find, lifecycle
from governance.policies.diff import difference

MayRead = has_permission("governance.view_policyversion")
MayWrite = has_permission(lifecycle.PERMISSION)
NOTE = OpenApiParameter(
    "note", str, description="What it changes, and why; where the body is the YAML itself."
)


class Body(BaseModel):
    """What may be sent, and nothing more."""

    model_config = ConfigDict(extra="forbid")


B = TypeVar("B", bound=Body)


class PolicyBody(Body):
    """A policy as it is written (YAML), and what it changes."""

    text: str
    note: str = Field("", max_length=lifecycle.LONGEST_NOTE)


class PolicyTextBody(Body):
    """A policy as it is written (YAML)."""

    text: str


class ShadowBody(Body):
    """Whether this version is to run beside the active one."""

    on: bool = True


class RollbackBody(Body):
    """Why the active version is left."""

    reason: str = Field(min_length=1, max_length=lifecycle.LONGEST_REASON)


class ScoreAnswer(Answer):
    """What the last finished backtest of a policy measured; shares are of recorded proposals."""

    proposals: int
    backtest: Id = left_out()
    chosen: dict[str, Any] = left_out("Which proposals it judged, as the backtest was asked for.")
    decided: int = left_out("Those that people decided.")
    passed: ShareAnswer = left_out("It would have let pass.")
    passed_approved: ShareAnswer = left_out("Of those that people decided and it would have let pass.")
    passed_edited: ShareAnswer = left_out()
    passed_rejected: ShareAnswer = left_out()
    blocked: ShareAnswer = left_out("It would have blocked.")
    blocked_approved: ShareAnswer = left_out("Of those that people decided and it would have blocked.")
    errors: int = left_out("Those of which a rule could not be evaluated.")


class PolicyAnswer(Answer):
    """One version of the policy. People are told by their user names."""

    digest: str
    status: Annotated[str, OneOf(PolicyVersion.Status)]
    shadow: bool = Field(description="It runs beside the active one, without effect.")
    author: str | None
    note: str
    score: Annotated[dict[str, Any], DocumentedAs(ScoreAnswer)] | None
    approved_by: str | None
    rolled_back_because: str
    created_at: Instant
    validated_at: Instant | None
    approved_at: Instant | None
    activated_at: Instant | None = Field(description="The last time.")


class WholePolicyAnswer(PolicyAnswer):
    """One version, with what it says."""

    text: str


class PolicyPage(Answer):
    """The newest versions first."""

    policies: list[PolicyAnswer]
    next: str | None = Field(description="The `before` of the next page; null: that was all.")


class CheckAnswer(Answer):
    """Whether a policy could become a draft, and all that speaks against it."""

    valid: bool
    digest: str = Field(description="Empty where it can't be read.")
    rules: int
    errors: list[FieldError]
    warnings: list[FieldError]


class DiffLine(Answer):
    """A line of both texts, of one of them, or (`skipped`) how many that are the same were left out."""

    kind: Literal["same", "removed", "added", "skipped"]
    before: int | None
    after: int | None
    text: str


class DiffAnswer(Answer):
    """What changes from `a` to `b`: in sentences, by rule, and line by line."""

    a: str
    b: str
    sentences: list[str]
    added: list[str]
    removed: list[str]
    changed: list[str]
    lines: list[DiffLine]


class YamlParser(BaseParser):
    """The policy as the body itself: `curl --data-binary @policy.yaml`, as application/yaml."""

    media_type = "application/yaml"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.API_BODY_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise Invalid.field("", f"A policy has at most {limit:,} bytes.")
        try:
            return {"text": body.decode("utf-8")}
        except UnicodeDecodeError as error:
            raise Invalid.field("", "The policy is not UTF-8.") from error


class View(APIView):
    """Reading is for everybody who may see policies, all else for those who may change them."""

    parser_classes = (*api_settings.DEFAULT_PARSER_CLASSES, YamlParser)  # type: ignore[arg-type]

    def get_permissions(self) -> list[BasePermission]:
        return [MayRead() if self.request.method in ("GET", "HEAD", "OPTIONS") else MayWrite()]


class Policies(View):
    @extend_schema(
        operation_id="list_policies",
        responses={200: PolicyPage},
        parameters=[OpenApiParameter("before", str, description="The `next` of the page before.")],
    )
    def get(self, request: Request) -> Response:
        """Every version of the policy, the newest first."""
        found = find.page(request.query_params.get("before", ""))
        shown, more = found[: find.PAGE], len(found) > find.PAGE
        return Response(PolicyPage(policies=[_told(v) for v in shown], next=shown[-1].pk if more else None))

    @extend_schema(
        operation_id="draft_policy",
        request={"application/json": PolicyBody, "application/yaml": OpenApiTypes.STR},
        responses={201: WholePolicyAnswer, 200: WholePolicyAnswer},
        parameters=[NOTE],
    )
    def post(self, request: Request) -> Response:
        """Keep a policy as a draft; 200 with the kept version where one says the same.

        422 names every mistake with its pointer, line and column.
        """
        body = _read(PolicyBody, {"note": request.query_params.get("note", ""), **_members(request)})
        version, created = lifecycle.draft(
            body.text, author=person_of(request), note=body.note, actor=actor_of(request)
        )
        return Response(_whole(_version(version.pk)), status=201 if created else 200)


class OnePolicy(View):
    @extend_schema(operation_id="get_policy", responses={200: WholePolicyAnswer})
    def get(self, request: Request, policy: str) -> Response:
        """One version with its text; `active` names the one in force, a digest may be shortened."""
        return Response(_whole(_version(policy)))


class CheckPolicy(View):
    @extend_schema(
        operation_id="check_policy",
        request={"application/json": PolicyTextBody, "application/yaml": OpenApiTypes.STR},
        responses={200: CheckAnswer},
    )
    def post(self, request: Request) -> Response:
        """Say what is wrong with a policy, and where. Keeps nothing."""
        found = check_policy.check(_read(PolicyTextBody, _members(request)).text)
        answer = CheckAnswer(
            valid=not found.errors,
            digest=found.digest,
            rules=len(found.policy.rules) if found.policy else 0,
            errors=[FieldError(**error) for error in found.errors],
            warnings=[FieldError(**warning) for warning in found.warnings],
        )
        return Response(answer)


class ApprovePolicy(View):
    @extend_schema(operation_id="approve_policy", request=None, responses={200: PolicyAnswer})
    def post(self, request: Request, policy: str) -> Response:
        """Approve a validated version; not for its author."""
        lifecycle.approve(_version(policy), by=person_of(request), actor=actor_of(request))
        return Response(_told(_version(policy)))


class ActivatePolicy(View):
    @extend_schema(operation_id="activate_policy", request=None, responses={200: PolicyAnswer})
    def post(self, request: Request, policy: str) -> Response:
        """Put an approved version in force, or one that has been in force before."""
        version = lifecycle.activate(_version(policy), by=person_of(request), actor=actor_of(request))
        return Response(_told(_version(version.pk)))


class ShadowPolicy(View):
    @extend_schema(operation_id="shadow_policy", request=ShadowBody, responses={200: PolicyAnswer})
    def post(self, request: Request, policy: str) -> Response:
        """Let a version run beside the active one, without effect; or stop that."""
        version = _version(policy)
        if _read(ShadowBody, _members(request)).on:
            lifecycle.set_shadow(version, by=person_of(request), actor=actor_of(request))
        elif version.shadow:
            lifecycle.set_shadow(None, by=person_of(request), actor=actor_of(request))
        return Response(_told(_version(version.pk)))


class RollBackPolicy(View):
    @extend_schema(operation_id="roll_back_policy", request=RollbackBody, responses={200: PolicyAnswer})
    def post(self, request: Request) -> Response:
        """Back to the version that was active before, in one step."""
        body = _read(RollbackBody, _members(request))
        version = lifecycle.rollback(by=person_of(request), reason=body.reason, actor=actor_of(request))
        return Response(_told(_version(version.pk)))


class DiffPolicies(View):
    @extend_schema(
        operation_id="diff_policies",
        responses={200: DiffAnswer},
        parameters=[OpenApiParameter("a", str, required=True), OpenApiParameter("b", str, required=True)],
    )
    def get(self, request: Request) -> Response:
        """What changes from one version to another."""
        a, b = (_version(request.query_params.get(name, "")) for name in "ab")
        found = difference(a, b)
        answer = DiffAnswer(
            a=a.pk,
            b=b.pk,
            sentences=found.sentences,
            added=[rule.name for rule in found.added],
            removed=[rule.name for rule in found.removed],
            changed=[name for name, _ in found.changed],
            lines=[DiffLine(**line._asdict()) for line in found.lines],
        )
        return Response(answer)


def _version(name: str) -> PolicyVersion:
    version = find.named(name)
    if version is None:
        raise Http404
    return version


def _members(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise Invalid.field("", "Send an object.")
    return request.data


def _read(model: type[B], value: dict[str, Any]) -> B:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(
            [{"pointer": pointer_of(e["loc"]), "detail": e["msg"]} for e in error.errors()]
        ) from error


def _whole(version: PolicyVersion) -> WholePolicyAnswer:
    return WholePolicyAnswer(**dict(_told(version)), text=version.text)


def _told(version: PolicyVersion) -> PolicyAnswer:
    return PolicyAnswer(
        digest=version.pk,
        status=version.status,
        shadow=version.shadow,
        author=version.author.username if version.author else None,
        note=version.note,
        score=version.score,
        approved_by=version.approved_by.username if version.approved_by else None,
        rolled_back_because=version.rolled_back_because,
        created_at=version.created_at,
        validated_at=version.validated_at,
        approved_at=version.approved_at,
        activated_at=version.activated_at,
    )
