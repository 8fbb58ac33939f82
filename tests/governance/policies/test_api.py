"""Policies over the API, as a team's CI uses it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from audit.ground.actors import SYSTEM
from governance.models import PolicyVersion
from governance.policies import lifecycle
from tests.conftest import in_force, make_person

TEXT = "version: 1\ndefaults: {priority: 61}\n"


@pytest.fixture
def otto(db: None) -> Any:
    return make_person("otto", "operator")


def post_yaml(api: Any, path: str, text: str) -> Any:
    return api.post(path, raw=text.encode(), content_type="application/yaml")


def test_a_policy_walks_its_whole_way_over_the_api(ana: Any, olga: Any, otto: Any, api_as: Any) -> None:
    before = in_force("version: 1\n")
    author, second = api_as(olga), api_as(otto)

    drafted = author.post("policies/", {"text": TEXT, "note": "Sooner."})
    digest = drafted.json()["digest"]
    assert (drafted.status_code, drafted.json()["status"], drafted.json()["note"]) == (
        201,
        "draft",
        "Sooner.",
    )
    assert drafted.json()["text"] == TEXT
    again = post_yaml(second, "policies/?note=Later.", "# in git\n" + TEXT)
    assert (again.status_code, again.json()["digest"], again.json()["author"]) == (200, digest, "olga")

    refused = second.post(f"policies/{digest}/approve/")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:reviewapp:problem:wrong-state")
    lifecycle.mark_validated(PolicyVersion.objects.get(pk=digest), {"proposals": 4}, actor=SYSTEM)
    own = author.post(f"policies/{digest}/approve/")
    assert (own.status_code, own.json()["type"]) == (403, "urn:reviewapp:problem:own-policy")
    assert second.post(f"policies/{digest}/shadow/", {}).status_code == 409
    assert second.post(f"policies/{digest}/approve/").json()["approved_by"] == "otto"
    assert author.post(f"policies/{digest}/shadow/", {}).json()["shadow"] is True
    assert second.post(f"policies/{digest}/shadow/", {"on": False}).json()["shadow"] is False
    assert author.post(f"policies/{digest[7:19]}/activate/").json()["status"] == "active"
    assert author.get("policies/active/").json()["digest"] == digest
    assert second.post("policies/rollback/", {}).status_code == 422
    back = second.post("policies/rollback/", {"reason": "Too soon."})
    assert back.json()["digest"] == before.pk
    assert author.get(f"policies/{digest}/").json()["rolled_back_because"] == "Too soon."
    assert second.post("policies/rollback/", {"reason": "On."}).status_code == 409


def test_every_mistake_comes_back_with_its_place(ana: Any, olga: Any, api_as: Any) -> None:
    api, wrong = api_as(olga), "version: 1\nrules:\n  - {name: a, when: 'agent.nmae == 1', then: {tem: x}}\n"
    for answer in (api.post("policies/", {"text": wrong}), post_yaml(api, "policies/", wrong)):
        assert answer.status_code == 422
        assert [(e["line"], e["column"], e["pointer"]) for e in answer.json()["errors"]] == [
            (3, 22, "/rules/0/when"),
            (3, 47, "/rules/0/then/tem"),
        ]
    checked = post_yaml(api, "policies/check/", wrong)
    assert (checked.status_code, checked.json()["valid"], len(checked.json()["errors"])) == (200, False, 2)
    fine = api.post("policies/check/", {"text": TEXT}).json()
    assert (fine["valid"], fine["rules"], fine["errors"], fine["digest"][:7]) == (True, 0, [], "sha256:")
    assert not PolicyVersion.objects.exists()


def test_what_is_no_request_is_refused(olga: Any, api_as: Any) -> None:
    api = api_as(olga)
    assert api.post("policies/", {"txt": TEXT}).status_code == 422
    assert api.post("policies/", ["a"]).status_code == 422
    assert api.post("policies/", raw=b"\xff", content_type="application/yaml").status_code == 422
    assert post_yaml(api, "policies/", "a" * 300_000).status_code == 422
    assert (
        api.post("policies/", raw=b"a=b", content_type="application/x-www-form-urlencoded").status_code == 415
    )
    for path in ("policies/sha256:nope/", "policies/000000/", "policies/diff/?a=x&b=y", "policies/active/"):
        assert api.get(path).status_code == 404


def test_two_versions_are_compared(ana: Any, olga: Any, api_as: Any) -> None:
    a, b = in_force("version: 1\n"), in_force(TEXT)
    answer = api_as(olga).get(f"policies/diff/?a={a.pk}&b=active").json()
    assert (answer["a"], answer["b"]) == (a.pk, b.pk)
    assert "priority 61" in answer["sentences"][0]
    assert {"kind": "added", "before": None, "after": 2, "text": "defaults: {priority: 61}"} in answer[
        "lines"
    ]


def test_the_list_goes_on_page_by_page(
    ana: Any, olga: Any, api_as: Any, django_assert_num_queries: Any
) -> None:
    for n in range(55):
        lifecycle.draft(f"version: 1\ndefaults: {{priority: {n}}}", author=olga)
    api = api_as(olga)
    first = api.get("policies/").json()
    rest = api.get(f"policies/?before={first['next']}").json()
    assert (len(first["policies"]), len(rest["policies"]), rest["next"]) == (50, 5, None)
    assert len({v["digest"] for page in (first, rest) for v in page["policies"]}) == 55
    with django_assert_num_queries(1):
        api.get("policies/")


@pytest.mark.django_db(transaction=True)
def test_an_activation_in_another_process_counts_within_a_second(
    ana: Any, olga: Any, api: Any, action_type: Any, tmp_path: Any
) -> None:
    """The API answers here; another process activates. Nothing is restarted."""
    make_person("otto", "operator")
    in_force("version: 1\n")
    assert api.submit().json()["verdict"]["priority"] == 50
    file = tmp_path / "policy.yaml"
    file.write_text(TEXT)
    call_command("apply_policy", str(file), author="olga", approve=True, second="otto")

    command = [sys.executable, "manage.py", "apply_policy", str(file), "--activate", "--as", "otto"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    # As this process talks to the database of the tests, so shall the other one.
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )
    activated = time.monotonic()

    assert done.returncode == 0, done.stderr
    assert api.submit().json()["verdict"]["priority"] == 61
    assert time.monotonic() - activated < 1
