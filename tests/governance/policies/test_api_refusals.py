"""What the API of policies refuses: the sentence, its place, and nothing kept."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import Event
from governance.models import PolicyVersion
from governance.policies import lifecycle
from tests.conftest import in_force
from tests.governance.policies.test_api import post_yaml

DIGEST = f"sha256:{'0' * 64}"
NOT_TEXT = "Input should be a valid string"


def kept() -> tuple[int, int]:
    return PolicyVersion.objects.count(), Event.objects.filter(type__startswith="policy.").count()


def refused(answer: Any) -> tuple[int, list[tuple[str, str]]]:
    return answer.status_code, [(e["pointer"], e["detail"]) for e in answer.json().get("errors", [])]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({}, "/text", "Field required"),
        ({"text": None}, "/text", NOT_TEXT),
        ({"text": 7}, "/text", NOT_TEXT),
        ({"text": ["version: 1"]}, "/text", NOT_TEXT),
        ({"text": "version: 1\0"}, "/text", "Text must not hold NUL."),
        ({"text": "version: 1", "note": 7}, "/note", NOT_TEXT),
        ({"text": "version: 1", "note": None}, "/note", NOT_TEXT),
        ({"text": "version: 1", "note": "x" * 301}, "/note", "String should have at most 300 characters"),
        ({"text": "version: 1", "notes": "x"}, "/notes", "Extra inputs are not permitted"),
        ([], "", "Send an object."),
        (7, "", "Send an object."),
    ],
)
def test_a_draft_that_is_no_request_is_not_kept(
    ana: Any, olga: Any, api_as: Any, body: Any, pointer: str, detail: str
) -> None:
    assert refused(api_as(olga).post("policies/", body)) == (422, [(pointer, detail)])
    assert kept() == (0, 0)


A_POLICY = "A policy begins with version: 1, then come defaults and rules."


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        ("", "", A_POLICY),
        ("# nothing yet", "", A_POLICY),
        ("[]", "", A_POLICY),
        ("version: 1\n---\nversion: 1", "", "This is not YAML: but found another document."),
        ("version: 2", "/version", "It has to be 1."),
        ("version: '1'", "/version", "It has to be 1."),
        ("version: 1\nversion: 1", "/version", "version stands twice; first in line 1."),
        ("version: 1\nrules: null", "/rules", "It has to be a valid list."),
        ("version: 1\nrule: []", "/rule", "rule is unknown here; did you mean rules?"),
        (
            "version: 1\ndefaults: {approvals: 0}",
            "/defaults/approvals",
            "It has to be greater than or equal to 1.",
        ),
        (
            "version: 1\ndefaults: {approvals: 11}",
            "/defaults/approvals",
            "It has to be less than or equal to 10.",
        ),
        (
            "version: 1\ndefaults: {rejections: 0}",
            "/defaults/rejections",
            "It has to be greater than or equal to 1.",
        ),
        (
            "version: 1\ndefaults: {priority: 101}",
            "/defaults/priority",
            "It has to be less than or equal to 100.",
        ),
        (
            "version: 1\ndefaults: {priority: -1}",
            "/defaults/priority",
            "It has to be greater than or equal to 0.",
        ),
        (
            "version: 1\ndefaults: {decide_within: 0s}",
            "/defaults/decide_within",
            "It has to be greater than 0.",
        ),
        (
            "version: 1\ndefaults: {grace: 30}",
            "/defaults/grace",
            "30 is not a span of time; write one as 500ms, 10s, 30m, 4h or 7d.",
        ),
        (
            "version: 1\ndefaults: {sample: .nan}",
            "/defaults/sample",
            "Nan is not a share; write a number from 0 to 1, or 5%.",
        ),
        (
            "version: 1\ndefaults: {sample: 101%}",
            "/defaults/sample",
            "'101%' is not a share; write a number from 0 to 1, or 5%.",
        ),
        (
            "version: 1\ndefaults: {sample: true}",
            "/defaults/sample",
            "True is not a share; write a number from 0 to 1, or 5%.",
        ),
        (
            "version: 1\ndefaults: {team: 7}",
            "/defaults/team",
            "YAML does not take 7 for text; put it in quotes.",
        ),
        (
            "version: 1\ndefaults: {team: ' '}",
            "/defaults/team",
            "No such team:  . Make it with create_user --team.",
        ),
        (
            "version: 1\ndefaults: {escalate_to: operations}",
            "/defaults/escalate_to",
            "escalate_to needs escalate_after beside it.",
        ),
        (
            "version: 1\ndefaults: {escalate_to: '', escalate_after: 1h}",
            "/defaults/escalate_after",
            "escalate_after needs escalate_to beside it.",
        ),
        (
            "version: 1\nrules: [{name: A, when: 'true', then: {}}]",
            "/rules/0/name",
            "A rule's name has small letters, digits and hyphens, 64 at most.",
        ),
        ("version: 1\nrules: [{name: a, then: {}}]", "/rules/0/when", "when is missing."),
        (
            "version: 1\nrules: [{name: a, when: true, then: {}}]",
            "/rules/0/when",
            "YAML does not take true for text; put it in quotes.",
        ),
        (
            "version: 1\nrules: [{name: a, when: '', then: {}}]",
            "/rules/0/when",
            "Something is missing at the end.",
        ),
        (
            "version: 1\nrules: [{name: a, when: '1', then: {}}]",
            "/rules/0/when",
            "The answer has to be true or false, and this is of type int.",
        ),
        (
            "version: 1\nrules:\n- {name: a, when: 'true', then: {}}\n- {name: a, when: 'true', then: {}}",
            "/rules/1/name",
            "There is a rule a already.",
        ),
    ],
)
def test_a_text_that_is_no_policy_is_refused_in_a_sentence(
    ana: Any, olga: Any, api_as: Any, text: str, pointer: str, detail: str
) -> None:
    api = api_as(olga)
    said = refused(api.post("policies/", {"text": text}))
    checked = api.post("policies/check/", {"text": text}).json()

    assert said == (422, [(pointer, detail)])
    assert checked["valid"] is False
    assert [(e["pointer"], e["detail"]) for e in checked["errors"]] == [(pointer, detail)]
    assert kept() == (0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\ndefaults: {team: ''}",
        "version: 1\ndefaults: {team: }",
        "version: 1\nrules: [{name: a, when: 'true', then: {team: '', escalate_to: ''}}]",
    ],
)
def test_a_team_without_a_name_is_none_and_the_usual_one_decides(
    ana: Any, api: Any, action_type: Any, text: str
) -> None:
    in_force(text)
    assert api.submit().json()["teams"] == ["operations"]


@pytest.mark.parametrize("verb", ["approve", "activate", "shadow"])
@pytest.mark.parametrize("named", [DIGEST, "active", "000000", "nonsense", "sha256:", "0" * 65])
def test_a_version_that_is_not_there_can_not_be_moved(olga: Any, api_as: Any, verb: str, named: str) -> None:
    answer = api_as(olga).post(f"policies/{named}/{verb}/", {})
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is nothing here that you may see.")


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"on": "maybe"}, "/on", "Input should be a valid boolean, unable to interpret input"),
        ({"on": 2}, "/on", "Input should be a valid boolean, unable to interpret input"),
        ({"on": None}, "/on", "Input should be a valid boolean"),
        ({"off": True}, "/off", "Extra inputs are not permitted"),
        ([], "", "Send an object."),
    ],
)
def test_a_shadow_that_is_asked_for_wrongly_is_not_cast(
    ana: Any, olga: Any, api_as: Any, body: Any, pointer: str, detail: str
) -> None:
    version = in_force("version: 1")
    before = kept()
    assert refused(api_as(olga).post(f"policies/{version.pk}/shadow/", body)) == (422, [(pointer, detail)])
    assert (kept(), PolicyVersion.objects.filter(shadow=True).exists()) == (before, False)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Field required"),
        ({"reason": ""}, "String should have at least 1 character"),
        ({"reason": " \n"}, "Say why, in at most 500 characters."),
        ({"reason": "x" * 501}, "String should have at most 500 characters"),
        ({"reason": 7}, NOT_TEXT),
        ({"reason": None}, NOT_TEXT),
    ],
)
def test_without_a_reason_nothing_is_rolled_back(
    ana: Any, olga: Any, api_as: Any, body: Any, detail: str
) -> None:
    in_force("version: 1")
    active = in_force("version: 1\ndefaults: {priority: 1}")
    before = kept()

    assert refused(api_as(olga).post("policies/rollback/", body)) == (422, [("/reason", detail)])

    assert (kept(), PolicyVersion.objects.active().get()) == (before, active)


def moves(person: Any) -> Any:
    """Every move as somebody who may make it, by its name."""
    return {
        "approve": lambda version: lifecycle.approve(version, by=person),
        "activate": lambda version: lifecycle.activate(version, by=person),
        "shadow": lambda version: lifecycle.set_shadow(version, by=person),
    }


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ("approve", "approve", "The version is approved; it has to be validated."),
        ("activate", "activate", "The version is active; it has to be approved or retired."),
        ("activate", "shadow", "The version is active; it has to be approved or retired."),
        ("activate", "approve", "The version is active; it has to be validated."),
    ],
)
def test_who_comes_second_is_told_where_the_version_is_and_changes_nothing(
    olga: Any, pia: Any, ana: Any, api_as: Any, first: str, then: str, said: str
) -> None:
    version, _ = lifecycle.draft("version: 1", author=olga)
    lifecycle.mark_validated(version, {"proposals": 0}, actor=olga.as_actor())
    if first != "approve":
        lifecycle.approve(version, by=pia)
    moves(pia)[first](version)  # while the other one's page still shows what was before
    before = kept()

    answer = api_as(pia).post(f"policies/{version.pk}/{then}/", {})

    body = answer.json()
    assert (answer.status_code, body["type"], body["detail"]) == (
        409,
        "urn:reviewapp:problem:wrong-state",
        said,
    )
    assert body["state"] == PolicyVersion.objects.get().status
    assert kept() == before


def test_a_body_of_another_kind_is_refused(olga: Any, api_as: Any) -> None:
    api = api_as(olga)
    cases = [
        (post_yaml(api, "policies/?note=" + "x" * 301, "version: 1"), 422),
        (api.post("policies/", raw=b"version: 1", content_type="text/plain"), 415),
        (api.post("policies/", raw=b"{", content_type="application/json"), 400),
        (post_yaml(api, "policies/rollback/", "because"), 422),  # its text is no reason
    ]
    assert [answer.status_code for answer, _ in cases] == [status for _, status in cases]
    assert kept() == (0, 0)
