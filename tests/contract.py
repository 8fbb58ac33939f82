"""Every answer of the API, in whichever test it is given, is held against the OpenAPI document."""

from __future__ import annotations

import json
import re
from functools import cache, reduce
from operator import getitem
from threading import Lock
from typing import Any
from urllib.parse import quote

import jsonschema_rs
from django.conf import settings

from audit.asking.answers import Answer

JSON, PROBLEM = "application/json", "application/problem+json"
URN = "urn:reviewapp:api"  # the document's name among validators


class NotAsDocumented(AssertionError):
    """The API answered otherwise than its document says."""


def check(request: Any, response: Any) -> None:
    """Raises `NotAsDocumented` where an answer of the API is none that its document has."""
    if not request.path.startswith("/api/v1/") or settings.ROOT_URLCONF != "reviewapp.urls":
        return  # no address of ours
    kind = response.get("Content-Type", "").partition(";")[0]
    said = f"{request.method} {request.path} is answered with {response.status_code} as {kind or 'nothing'}"
    try:
        with _one_at_a_time:
            validator = _validator(_route(request), request.method, response.status_code, kind)
    except LookupError as error:
        raise NotAsDocumented(f"{said}, which is not documented.") from error
    if validator is None or request.method == "HEAD":
        return
    if kind != PROBLEM and not isinstance(response.data, Answer):
        raise NotAsDocumented(f"{said}, and was not built as an Answer.")
    wrong = [f"{e.instance_path}: {e.message}" for e in validator.iter_errors(json.loads(response.content))]
    if wrong:
        raise NotAsDocumented("\n".join([said, *wrong[:20]]))


@cache
def document() -> dict[str, Any]:
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(request=None, public=True)


_WHATEVER_THE_METHOD = (401, 403, 404, 405)
_one_at_a_time = Lock()  # many threads that begin at once would each make the document


@cache
def _validator(route: str | None, method: str, status: int, kind: str) -> Any:
    """What an answer is held against; None where it is no JSON. Raises `LookupError` where nothing is."""
    schema = _problem(status) if kind == PROBLEM else None
    if route is not None:
        verb = "get" if method == "HEAD" else method.lower()
        operation = document()["paths"][route].get(verb)
        if operation is None and status not in _WHATEVER_THE_METHOD:
            raise LookupError("A method that does not exist is refused.")
        if operation is not None and status != 405:
            said = "default" if kind == PROBLEM else str(status)
            documented = operation["responses"][said]
            if kind or "content" in documented:
                schema = schema or _at("paths", route, verb, "responses", said, "content", kind, "schema")
    elif schema is None:
        raise LookupError("An address that does not exist is answered with a problem.")
    if schema is None or kind not in (JSON, PROBLEM):
        return None
    return jsonschema_rs.Draft202012Validator(schema, registry=_registry(), validate_formats=True)


@cache
def _registry() -> jsonschema_rs.Registry:
    """Where all validators find the document, of which each would hold megabytes otherwise."""
    return jsonschema_rs.Registry([(URN, document())])


def _problem(status: int) -> dict[str, Any]:
    return {**_at("components", "schemas", "Problem"), "properties": {"status": {"const": status}}}


def _at(*names: str) -> dict[str, Any]:
    """A reference to what stands there in the document. Raises `LookupError` where nothing does."""
    reduce(getitem, names, document())
    pointer = "/".join(name.replace("~", "~0").replace("/", "~1") for name in names)
    return {"$ref": f"{URN}#/{quote(pointer)}"}


def _route(request: Any) -> str | None:
    """The address as the document has it; None where there is none like it."""
    match = request.resolver_match
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/{match.route}") if match else None
