"""A workflow over the API."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.door.keys import issue_token
from governance.models import ActionType
from tests.conftest import REFUND, ApiClient
from tests.governance.workflows.test_views import TEXT

HERE = "action-types/refund_payment/workflow/"
BY_HAND = {"steps": [{"name": "by-hand", "routes": [{"kind": "handback"}]}]}


@pytest.fixture
def api(olga: Any, settings: Any) -> ApiClient:
    settings.EGRESS_ALLOW = ["shop.internal:80"]
    register(REFUND, actor=SYSTEM)
    return ApiClient(issue_token(olga, actor=SYSTEM))


def put_yaml(api: ApiClient, text: str, path: str = HERE, **headers: str) -> Any:
    return api.put(path, raw=text.encode(), content_type="application/yaml", **headers)


def test_it_is_written_in_yaml_or_json_and_read(api: ApiClient) -> None:
    none = api.get(HERE)
    assert (none.json(), none["ETag"]) == (
        {"action": "refund_payment", "version": 1, "workflow": None, "text": ""},
        '"1"',
    )

    written = put_yaml(api, TEXT, If_Match='"1"')
    assert written.status_code == 200, written.content
    assert (written["ETag"], written.json()["changed"]) == ('"2"', True)
    assert written.json()["text"] == TEXT
    assert api.put(f"{HERE}?version=2", yaml.safe_load(TEXT)).json()["changed"] is False
    assert api.get(HERE).json()["text"] == TEXT
    assert api.put(f"{HERE}?version=2", BY_HAND).json()["version"] == 3
    assert api.get(HERE).json()["workflow"] == BY_HAND

    removed = api.delete(f"{HERE}?version=3").json()
    assert (removed["version"], removed["workflow"]) == (4, None)


def test_mistakes_have_pointer_line_and_column_and_nothing_is_stored(api: ApiClient) -> None:
    wrong = TEXT.replace("args.amount", "args.amont") + "    if: signal.x\n"

    refused = put_yaml(api, wrong, f"{HERE}?version=1")
    of_json = api.put(f"{HERE}?version=1", {"steps": [{"name": "a", "rotes": []}]})

    assert refused.status_code == of_json.status_code == 422
    assert [(e["pointer"], e["line"], e["column"]) for e in refused.json()["errors"]] == [
        ("/steps/0/routes/0/body/amount", 7, 30),
        ("/steps/0/if", 8, 9),
    ]
    assert of_json.json()["errors"] == [
        {"pointer": "/steps/0/rotes", "detail": "rotes is unknown here; did you mean routes?"},
    ]
    assert ActionType.objects.get().version == 1


def test_who_was_slower_or_does_not_say_what_was_read_changes_nothing(api: ApiClient) -> None:
    assert put_yaml(api, TEXT, If_Match='"1"').status_code == 200

    late = api.put(HERE, BY_HAND, If_Match='"1"')
    unsaid = api.put(HERE, BY_HAND)

    assert (late.status_code, late.json()["version"]) == (409, 2)
    assert (unsaid.status_code, unsaid.json()["errors"][0]["pointer"]) == (422, "?version")
    assert ActionType.objects.current().get().version == 2
