"""What an answer of the API leaves behind: nothing that only a garbage collection would find."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.asking.answers import Answer
from tests.conftest import ApiClient


@pytest.fixture
def uncollected(api: ApiClient) -> Iterator[None]:
    api.get("proposals/")  # the first answer makes the document that answers are held against
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left_behind() -> list[str]:
    kinds = map(type, gc.get_objects())
    return [kind.__name__ for kind in kinds if issubclass(kind, (APIView, Request, Answer))]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (lambda api, proposal: api.get("proposals/"), 200),
        (lambda api, proposal: api.get(f"proposals/{proposal.pk}/"), 200),
        (lambda api, proposal: api.get("proposals/?colour=red"), 422),
        (lambda api, proposal: api.get("proposals/01890a5d-ac96-774b-bcce-b302099a8057/"), 404),
        (lambda api, proposal: api.submit(), 201),
        (lambda api, proposal: ApiClient().get("proposals/"), 401),
        (lambda api, proposal: api.get("events/"), 403),
    ],
)
def test_nothing_of_an_answer_waits_for_a_garbage_collection(
    api: ApiClient,
    proposal: Any,
    uncollected: None,
    asked: Callable[[ApiClient, Any], Any],
    status: int,
) -> None:
    before = left_behind()
    response = asked(api, proposal)
    assert response.status_code == status
    del response.data
    assert left_behind() == before
