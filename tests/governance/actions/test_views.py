from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.models import ActionType
from tests.conftest import REFUND
from tests.governance.actions.test_tool_forms import MCP

pytestmark = pytest.mark.django_db
HOME, NEW = "/governance/action-types/", "/governance/new-action-types/"
PAYOUT = {
    "name": "pay_out",
    "description": "Pays to an account. <script>alert(1)</script>",
    "schema": {
        "type": "object",
        "properties": {
            "amount": {"type": "number"},
            "account": {
                "type": "object",
                "properties": {
                    "iban": {"type": "string", "x-data-class": "financial", "x-sensitive": True},
                    "bank": {"type": "string", "examples": ["Sparkasse"]},
                },
            },
        },
    },
    "template": "Pay {amount} to {account.iban} at {account.bank}",
}


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_action_type_is_told_in_words(ana: Any, agent: Any) -> None:
    register(PAYOUT, actor=SYSTEM)
    client = signed_in(ana)
    assert "pay_out" in client.get(HOME).content.decode()

    page = client.get(f"{HOME}pay_out/").content.decode()

    for said in (
        "It can’t be undone.",
        "Done twice it acts twice",
        "Pay 12.5 to ••• at “Sparkasse”",
        "<code>account.iban</code>",
        "<code>financial</code>",
        "support-bot",
        "/governance/halts/throw/?scope=action&amp;action=pay_out",
    ):
        assert said in page, said
    assert "<script>alert" not in page


def test_versions_are_compared(ana: Any) -> None:
    register(REFUND, actor=SYSTEM)
    register({**REFUND, "reversibility": "irreversible"}, actor=SYSTEM)
    client = signed_in(ana)

    page = client.get(f"{HOME}refund_payment/").content.decode()
    assert "From version 1 to version 2" in page
    assert "&quot;reversibility&quot;: &quot;externally_reversible&quot;" in page

    old = client.get(f"{HOME}refund_payment/?version=1").content.decode()
    assert "made with a newer version" in old
    assert client.get(f"{HOME}no_such_type/").status_code == 404


def test_the_list_asks_as_much_for_many_as_for_one_and_leafs(ana: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = signed_in(ana)

    def cost(names: range) -> int:
        for n in names:
            register({**REFUND, "name": f"type_{n:03}"}, actor=SYSTEM)
        with CaptureQueriesContext(connection) as captured:
            client.get(HOME)
        return len(captured)

    assert cost(range(1)) == cost(range(1, 51))
    first = client.get(HOME)
    assert len(first.context["types"]) == 50
    second = client.get(HOME + first.context["next_url"].partition(HOME)[2])
    assert [t["name"] for t in second.context["types"]] == ["type_050"]
    assert [t["name"] for t in client.get(HOME, {"q": "E_007"}).context["types"]] == ["type_007"]


def test_what_is_taken_in_is_shown_first_and_registered_then(olga: Any) -> None:
    register(REFUND, actor=SYSTEM)
    client = signed_in(olga)
    text = json.dumps({"tools": [MCP, {**REFUND, "reversibility": "irreversible"}], "nextCursor": "2"})

    shown = " ".join(client.post(f"{NEW}take/", {"text": text}).content.decode().split())
    assert "2 of 2 would be registered: 1 new, 1 replaced" in shown
    assert "replaces @1: reversibility externally_reversible → irreversible (becomes version 2)" in shown
    assert "The list goes on" in shown
    assert ActionType.objects.count() == 1

    done = client.post(f"{NEW}take/", {"text": text, "register": "yes"}, follow=True).content.decode()
    assert "Registered: send_mail@1. Replaced: refund_payment@2." in done
    again = client.post(f"{NEW}take/", {"text": text}).content.decode()
    assert "Nothing would change" in again


def test_a_file_may_be_uploaded_instead(olga: Any) -> None:
    file = SimpleUploadedFile("tools.json", json.dumps([MCP]).encode(), "application/json")

    shown = signed_in(olga).post(f"{NEW}take/", {"text": "", "file": file}).content.decode()

    shown = " ".join(shown.split())
    assert "1 of 1 would be registered" in shown
    assert "inputSchema" in shown  # in the field, to be registered from there


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON that can be read"),
        ('[{"name": "<b>"}]', "must be 1 to 128 letters"),
        ('[{"name": "pay", "schema": {"type": "object", "x-sensitive": "yes"}}]', "schema.x-sensitive"),
    ],
)
def test_a_mistake_is_named_and_what_was_typed_stays(olga: Any, text: str, said: str) -> None:
    answer = signed_in(olga).post(f"{NEW}take/", {"text": text, "register": "yes"})

    page = answer.content.decode()
    assert (answer.status_code, said in page) == (422, True)
    assert answer.context["text"] == text
    assert "<b>" not in page
    assert not ActionType.objects.exists()


def test_the_api_takes_every_form_and_previews(api_as: Any, olga: Any, ana: Any, api: Any) -> None:
    envelope = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP]}}

    shown = api_as(olga).post("action-types/?preview=true", envelope)
    assert (shown.status_code, shown.json()["action_types"]) == (
        200,
        [{"name": "send_mail", "changed": True, "change": "new"}],
    )
    assert not ActionType.objects.exists()

    made = api_as(olga).post("action-types/", envelope)
    assert made.status_code == 201
    assert [(t["name"], t["version"], t["changed"]) for t in made.json()["action_types"]] == [
        ("send_mail", 1, True)
    ]
    assert "Left aside" in made.json()["notes"][0]
    call = {"steps": [{"name": "call", "routes": [{"kind": "http", "url": "http://bank.internal/"}]}]}
    told = api_as(olga).post("action-types/?preview=true", [{**MCP, "workflow": call}]).json()
    assert told["notes"][-1].startswith("bank.internal:80 is not in the setting EGRESS_ALLOW")
    form = {"text": json.dumps([{**MCP, "workflow": call}])}
    page = signed_in(olga).post(f"{NEW}take/", form).content.decode()
    assert "bank.internal:80 is not in the setting EGRESS_ALLOW" in page
    assert api_as(olga).post("action-types/", [MCP]).status_code == 200
    assert api_as(ana).post("action-types/", [MCP]).status_code == 403
    assert api.post("action-types/", [MCP]).status_code == 403
    wrong = api_as(olga).post("action-types/", [{"name": "x"}])
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "x: schema: must be a JSON Schema object")


# --- Sensitive arguments --------------------------------------------------------------------------


def payout(**account: str) -> dict[str, Any]:
    return {"rank": 1, "action": "pay_out", "arguments": {"amount": 50, "account": account}}


def test_what_is_sensitive_is_masked_in_lists_and_shown_where_it_is_decided(
    ana: Any, propose: Any, api: Any
) -> None:
    register(PAYOUT, actor=SYSTEM)
    proposal = propose(title="Pay out", context={}, suggestions=[payout(iban="DE4911", bank="Sparkasse")])

    assert proposal.sentence == "Pay 50 to ••• at “Sparkasse”"
    client = signed_in(ana)
    assert "DE4911" not in client.get("/queue/").content.decode()
    detail = client.get(f"/queue/{proposal.pk}/").content.decode()
    assert "DE4911" in detail
    assert "Sensitive: masked wherever it stands in a list" in detail
    answer = api.get(f"proposals/{proposal.pk}/").json()["suggestions"][0]
    assert (answer["sentence"], answer["arguments"]["account"]["iban"]) == (proposal.sentence, "DE4911")


def test_without_a_template_it_is_masked_too(propose: Any) -> None:
    register({**PAYOUT, "template": ""}, actor=SYSTEM)

    assert "DE4911" not in propose(suggestions=[payout(iban="DE4911")]).sentence


def test_a_rule_sees_the_classes_that_are_present(propose: Any) -> None:
    from tests.approvals.conftest import in_force

    register(PAYOUT, actor=SYSTEM)
    in_force(
        """
version: 1
rules:
  - {name: bank-data, when: '"financial" in action.data_classes', then: {verdict: review, priority: 90}}
"""
    )

    assert propose(suggestions=[payout(iban="DE4911")]).priority == 90
    assert propose(suggestions=[payout(bank="Sparkasse")]).priority == 50


# --- Versions -------------------------------------------------------------------------------------


def test_a_proposal_keeps_the_version_it_was_made_with(ana: Any, propose: Any, action_type: Any) -> None:
    """Edited, approved and carried out after a new version came, it is still of the old one."""
    from approvals.deciding import decide
    from audit.ground.refusals import Invalid
    from execution.running.approval import broken
    from tests.conftest import actor_of

    proposal = propose()
    suggestion = proposal.suggestions.get()
    stricter = {
        **REFUND["schema"],
        "properties": {**REFUND["schema"]["properties"]},
        "required": ["order_id"],
    }
    stricter["properties"]["amount"] = {"type": "number", "maximum": 10}
    newer = register({**REFUND, "schema": stricter, "workflow": None}, actor=SYSTEM)[0]
    assert newer.version == 2

    edited = {"order_id": "#W1", "amount": 40.0}  # more than the new version allows
    with pytest.raises(Invalid):
        decide.approve(
            suggestion,
            reviewer=ana,
            actor=actor_of(ana),
            shown_digest=suggestion.action_digest,
            arguments={"order_id": "#W1"},  # enough for the new version
        )
    decided = decide.approve(
        suggestion,
        reviewer=ana,
        actor=actor_of(ana),
        shown_digest=suggestion.action_digest,
        arguments=edited,
    )

    from execution.models import Execution

    execution = Execution.objects.get()
    assert execution.suggestion.action_type == action_type
    assert decided.resolution is not None
    assert broken(execution) == ""
    from audit.ground.canonical import digest

    expected = digest({"action": "refund_payment", "version": 1, "arguments": edited})
    assert (execution.action_digest, decided.resolution.action_digest) == (expected, expected)


# --- Mistakes, sources and consent ----------------------------------------------------------------

MERGE = {"name": "merge_pull_request", "inputSchema": {"type": "object"}}
MILDER = {**MERGE, "annotations": {"destructiveHint": False}}
WRONG = {"name": "bad", "inputSchema": {"type": "object", "properties": {"a": {"type": "strin"}}}}


def test_a_tick_takes_what_is_right_and_leaves_the_rest(olga: Any) -> None:
    client = signed_in(olga)
    text = json.dumps([MERGE, WRONG, {**MERGE, "name": "two words"}])

    answer = client.post(f"{NEW}take/", {"text": text, "source": "github-mcp"})
    page = answer.content.decode()
    assert (answer.status_code, answer.context["text"], answer.context["source"]) == (422, text, "github-mcp")
    assert "bad: inputSchema.properties.a.type: is" in page
    assert "two words: name: must be" in page
    assert 'name="skip_wrong"' in page

    ticked = {"text": text, "source": "github-mcp", "skip_wrong": "yes"}
    assert "Left out: <bdi>bad: inputSchema" in client.post(f"{NEW}take/", ticked).content.decode()
    client.post(f"{NEW}take/", {**ticked, "register": "yes"})

    assert list(ActionType.objects.values_list("name", "source")) == [("merge_pull_request", "github-mcp")]
    assert "github-mcp" in client.get(f"{HOME}merge_pull_request/").content.decode()


@pytest.mark.parametrize(
    ("sent", "source", "needs"),
    [(MILDER, "github-mcp", "accept_milder"), ({**MERGE, "description": "Other."}, "", "take_over")],
)
def test_what_gets_milder_or_comes_from_elsewhere_wants_a_tick(
    olga: Any, sent: Any, source: str, needs: str
) -> None:
    register(MERGE, actor=SYSTEM, source="github-mcp")
    client = signed_in(olga)
    asked = {"text": json.dumps([sent]), "source": source, "register": "yes"}

    answer = client.post(f"{NEW}take/", asked)
    assert (answer.status_code, f'name="{needs}"' in answer.content.decode()) == (409, True)
    assert ActionType.objects.count() == 1

    done = client.post(f"{NEW}take/", {**asked, needs: "yes"}, follow=True).content.decode()
    assert "Replaced: merge_pull_request@2." in done


def test_the_api_skips_what_is_wrong_and_asks_what_is_meant(api_as: Any, olga: Any) -> None:
    api = api_as(olga)

    refused = api.post("action-types/", [MERGE, WRONG])
    assert (refused.status_code, [e["tool"] for e in refused.json()["errors"]]) == (422, ["bad"])
    taken = api.post("action-types/?skip_wrong=true&source=github-mcp", [MERGE, WRONG])
    assert (taken.status_code, [w["tool"] for w in taken.json()["wrong"]]) == (201, ["bad"])
    milder = api.post("action-types/?source=github-mcp", [MILDER])
    assert (milder.status_code, milder.json()["type"]) == (409, "urn:reviewapp:problem:milder-hazards")
    assert api.post("action-types/?accept_milder=true", [MILDER]).status_code == 409
    done = api.post("action-types/?accept_milder=true&take_over=true", [MILDER])
    assert (done.status_code, done.json()["action_types"][0]["milder"]) == (
        201,
        ["it would no longer count as destroying anything"],
    )
