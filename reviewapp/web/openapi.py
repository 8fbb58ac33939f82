"""What the OpenAPI document says beyond what the views and bodies say by themselves."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from reviewapp.web.problems import Problem


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "governance.door.authentication.BearerAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An agent's key (rk_…) or a person's API token (rt_…).",
        }


PROBLEM = {
    "description": "Refused: RFC 9457 problem details, naming each field that is wrong.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every operation its refusals (drf-spectacular's post-processing hook)."""
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    result["components"].setdefault("schemas", {}).update({**problem.pop("$defs"), "Problem": problem})
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = PROBLEM
    return result


class MadeOnce(SchemaGenerator):
    """The document is the same for everybody, and takes about a second: each process makes it once."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        with _one_at_a_time:
            return _document()


_one_at_a_time = Lock()


@cache
def _document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
