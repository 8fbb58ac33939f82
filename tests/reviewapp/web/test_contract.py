"""The OpenAPI document, and that what holds answers against it refuses those that are none of its."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory
from django.urls import resolve
from rest_framework.response import Response

from audit.asking.answers import Answer
from reviewapp.web.problems import problem
from reviewapp.web.rendering import AnswerRenderer
from tests import contract

JSON, PROBLEM = "application/json", "application/problem+json"
FLOORS = ("audit", "governance", "suggestions", "execution", "approvals", "insights", "reviewapp")


class Released(Answer):
    digest: str = "sha256:…"
    text: str = "You are kind."


class More(Released):
    more: str = ""


class Less(Answer):
    digest: str = ""


def answered(data: Any, *, status: int = 200, kind: str = JSON, path: str = "prompt-templates/x/") -> None:
    """What `contract.check` says of such an answer."""
    request = RequestFactory().get(f"/api/v1/{path}")
    request.resolver_match = resolve(request.path)
    response = Response(data, status=status, content_type=kind)
    response.accepted_renderer = AnswerRenderer()
    response.accepted_media_type = kind
    response.renderer_context = {}
    contract.check(request, response.render())


def given(model: type[Answer]) -> Answer:
    return model(**dict.fromkeys(model.model_fields, ""))


def test_what_is_documented_passes() -> None:
    answered(given(Released))
    answered(problem(404, "NotFound", "It is not there."), status=404, kind=PROBLEM)
    answered(problem(418, "Teapot", "It is short.", stout=True), status=418, kind=PROBLEM)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"data": given(More)}, "'more' was unexpected"),
        ({"data": given(Less)}, '"text" is a required property'),
        ({"data": {"digest": "", "text": ""}}, "was not built as an Answer"),
        ({"data": given(Released), "status": 201}, "is not documented"),
        ({"data": given(Released), "kind": "text/plain"}, "is not documented"),
        ({"data": given(Released), "status": 404}, "is not documented"),
        ({"data": given(Released), "status": 404, "kind": PROBLEM}, '"status" is a required property'),
        ({"data": given(Released), "path": "events/export/"}, "is not documented"),
        ({"data": given(Released), "path": "deployments/roll-back/"}, "is not documented"),
        ({"data": problem(403, "Forbidden", "No."), "status": 404, "kind": PROBLEM}, "404 was expected"),
    ],
)
def test_what_is_not_documented_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(contract.NotAsDocumented) as refused:
        answered(**wrong)
    assert said in str(refused.value)


def every_model(above: type = Answer) -> list[type[Answer]]:
    below = [found for one in above.__subclasses__() for found in (one, *every_model(one))]
    return [one for one in below if one.__module__.partition(".")[0] in FLOORS]


def test_every_answer_in_the_document_is_one_of_our_models_and_of_one_alone() -> None:
    document = contract.document()
    models: dict[str, list[dict[str, Any]]] = {}
    for one in dict.fromkeys(every_model()):
        schema = one.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schema.pop("$defs", None)
        models.setdefault(one.__name__, []).append(schema)

    answers = {
        (path, method, status, kind): content["schema"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        for kind, content in response.get("content", {}).items()
        if kind in (JSON, PROBLEM)
    }

    assert len(answers) > 100
    for where, schema in answers.items():
        name = schema["$ref"].rpartition("/")[2]
        assert models[name] == [document["components"]["schemas"][name]], where
    twice = {name: found for name, found in models.items() if len(found) > 1}
    assert not twice, twice
