"""The workflow of an action type over the API, for teams that keep theirs in git."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from audit.asking.answers import Answer, FieldError, left_out
from audit.asking.parameters import check_only
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.permissions import has_permission
from governance.models import ActionType
from governance.policies import policy_yaml
from governance.workflows.check import Checked, check, check_content
from governance.workflows.save import PERMISSION, save
from governance.workflows.written import as_written

MayRead = has_permission("governance.view_actiontype")
MayWrite = has_permission(PERMISSION)
VERSION = OpenApiParameter(
    "version", int, description="The version that was read before it was changed; or send it as If-Match."
)
IF_MATCH = OpenApiParameter(
    "If-Match", str, location="header", description="The ETag that `GET` answered, instead of `version`."
)


class WorkflowAnswer(Answer):
    """The workflow of the version in force."""

    action: str
    version: int
    workflow: dict[str, Any] | None = Field(description="Null where the agent carries it out itself.")
    text: str = Field(description="The same as it was written, or in YAML; empty where there is none.")
    changed: bool = left_out("After `PUT` and `DELETE`: whether that made a new version.")
    warnings: list[FieldError] = left_out("After `PUT`: what can hardly be meant.")


class WorkflowYamlParser(BaseParser):
    """The workflow as the body itself: `curl --data-binary @refund.yaml`, as application/yaml."""

    media_type = "application/yaml"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.API_BODY_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise Invalid.field("", f"A workflow has at most {limit:,} bytes.")
        try:
            return str(body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise Invalid.field("", "The workflow is not UTF-8.") from error


class Workflow(APIView):
    parser_classes = (*api_settings.DEFAULT_PARSER_CLASSES, WorkflowYamlParser)  # type: ignore[arg-type]

    def get_permissions(self) -> list[BasePermission]:
        return [MayRead() if self.request.method in ("GET", "HEAD", "OPTIONS") else MayWrite()]

    @extend_schema(operation_id="get_workflow", responses={200: WorkflowAnswer})
    def get(self, request: Request, action: str) -> Response:
        """How the version in force is carried out. Its `ETag` is what `If-Match` takes."""
        return _answer(_current(action))

    @extend_schema(
        operation_id="put_workflow",
        request={"application/json": OpenApiTypes.OBJECT, "application/yaml": OpenApiTypes.STR},
        responses={200: WorkflowAnswer},
        parameters=[VERSION, IF_MATCH],
    )
    def put(self, request: Request, action: str) -> Response:
        """Make a version with this workflow, which is the body, in YAML or JSON. The same again makes none.

        422 names every mistake with its pointer; of YAML with line and column, too. 409 where the type has
        another version by now. Proposals and executions keep the version that they were made with.
        """
        check_only(request, {"version"})
        current = _current(action)
        found = _checked(request.data, current)
        text = policy_yaml.tidy(request.data) if isinstance(request.data, str) else ""
        return _saved(request, current, found.definition(), found.warnings, text=text)

    @extend_schema(
        operation_id="delete_workflow", responses={200: WorkflowAnswer}, parameters=[VERSION, IF_MATCH]
    )
    def delete(self, request: Request, action: str) -> Response:
        """Make a version without a workflow: the agent carries it out, and reports."""
        check_only(request, {"version"})
        return _saved(request, _current(action), None, [])


def _checked(body: Any, current: ActionType) -> Checked:
    return check(body, current) if isinstance(body, str) else check_content(body, current)


def _saved(
    request: Request, current: ActionType, content: Any, warnings: list[dict[str, Any]], *, text: str = ""
) -> Response:
    saved = save(current.name, content, version=_version(request), actor=actor_of(request), text=text)
    told = [FieldError(**one) for one in warnings]
    return _answer(saved.action_type, changed=saved.is_new, warnings=told)


def _answer(of: ActionType, **more: Any) -> Response:
    told = WorkflowAnswer(
        action=of.name, version=of.version, workflow=of.workflow, text=as_written(of), **more
    )
    return Response(told, headers={"ETag": f'"{of.version}"'})


def _current(action: str) -> ActionType:
    return get_object_or_404(ActionType.objects.current(), name=action)


def _version(request: Request) -> int:
    """The version that this was written on. Raises `Invalid` where it is not said."""
    said = request.query_params.get("version") or request.headers.get("If-Match", "").strip().strip('"')
    if not (said.isascii() and said.isdecimal() and len(said) < 10):
        told = "Say which version this was written on: ?version=3, or the ETag as If-Match."
        raise Invalid.field("?version", told)
    return int(said)
