"""The page on which a workflow is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.actions.action_types import register
from governance.models import ActionType
from governance.secrets import keep
from tests.conftest import REFUND
from tests.pages import in_one_line

HERE = "/governance/action-types/refund_payment/workflow/"
TEXT = """\
# How a refund is made.
steps:
  - name: refund
    routes:
      - kind: http
        url: http://shop.internal/orders/{order_id}/refunds
        body: {amount: =args.amount}
"""


@pytest.fixture(autouse=True)
def reachable(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["shop.internal:80"]


@pytest.fixture
def operator(olga: Any) -> Client:
    register(REFUND, actor=SYSTEM)
    client = Client()
    client.force_login(olga)
    return client


def current() -> ActionType:
    return ActionType.objects.current().get(name="refund_payment")


def test_it_begins_with_an_example_that_can_be_saved(operator: Client) -> None:
    page = operator.get(HERE)
    assert page.context["errors"] == []
    assert "Save as version 2" in page.content.decode()

    saved = operator.post(HERE, {"text": page.context["text"], "version": "1"}, follow=True)

    assert saved.redirect_chain == [("/governance/action-types/refund_payment/", 302)]
    assert "Version 2 is in force." in saved.content.decode()
    assert "Step 1: refund_payment" in saved.content.decode()  # the picture
    [step] = current().workflow["steps"]
    note = '="note" in args ? args.note : null'  # that may be left out
    assert step["routes"][0]["body"] == {"order_id": "=args.order_id", "amount": "=args.amount", "note": note}


def test_a_change_is_a_new_version_and_keeps_the_old_one(operator: Client) -> None:
    before = current()
    operator.post(HERE, {"text": TEXT.replace("\n", "\r\n"), "version": "1"})

    after = current()
    assert (after.version, after.workflow) == (2, yaml.safe_load(TEXT))
    assert ActionType.objects.get(pk=before.pk).workflow == before.workflow
    told = ("schema_as_written", "description", "template", "annotations", "reversibility", "source")
    assert [getattr(after, name) for name in told] == [getattr(before, name) for name in told]
    event = Event.objects.filter(type="action_type.registered").latest("id")
    assert (json.loads(event.body)["data"]["version"], event.actor_name) == (2, "Olga")

    again = operator.post(HERE, {"text": TEXT, "version": "2"}, follow=True)
    assert "Nothing changed" in again.content.decode()
    assert current().version == 2
    assert operator.get(HERE).context["text"] == TEXT


def test_comments_stay_and_make_no_version_of_their_own(operator: Client) -> None:
    operator.post(HERE, {"text": TEXT, "version": "1"})
    more = TEXT + "# <b>Ask the shop first.</b>\n"

    saved = operator.post(HERE, {"text": more, "version": "2"}, follow=True)

    assert "Your words are kept. Version 2 stays" in saved.content.decode()
    assert "&lt;b&gt;Ask the shop first." in saved.content.decode()
    assert (current().version, operator.get(HERE).context["text"]) == (2, more)
    assert Event.objects.filter(type="workflow.reworded").count() == 1
    register({**REFUND, "workflow": current().workflow, "description": "Pay back."}, actor=SYSTEM)
    assert (current().version, operator.get(HERE).context["text"]) == (3, more)


def test_what_is_faulty_is_kept_on_the_page_and_nowhere_else(operator: Client) -> None:
    keep.write("shop-token", "what-nobody-reads", actor=SYSTEM, by=None)
    wrong = TEXT + '        headers: {x: "{secret:shop-token}", y: "{secret:none}"}\n    if: args.amont > 1\n'
    events = Event.objects.count()

    answer = operator.post(HERE, {"text": wrong, "version": "1"})

    assert answer.status_code == 422
    assert answer.context["text"] == wrong
    assert [(e["line"], e["column"]) for e in answer.context["errors"]] == [
        (8, 22),
        (8, 48),
        (9, 14),
    ]
    page = in_one_line(answer.content.decode())
    assert "The secret shop-token is not granted to refund_payment" in page
    assert "There is no secret none" in page
    assert (current().version, Event.objects.count()) == (1, events)


def test_who_was_slower_is_told_and_loses_nothing(operator: Client) -> None:
    operator.post(HERE, {"text": TEXT, "version": "1"})
    mine = TEXT.replace("name: refund", "name: mine")

    answer = operator.post(HERE, {"text": mine, "version": "1"})

    assert answer.status_code == 409
    assert (current().version, answer.context["text"], answer.context["version"]) == (2, mine, 2)
    page = in_one_line(answer.content.decode())
    assert "refund_payment has version 2 by now; this was written on version 1. Nothing was stored." in page
    assert "What you wrote is still here" in page
    assert "What changes from version 2" in page
    operator.post(HERE, {"text": mine, "version": "2"})
    assert current().workflow["steps"][0]["name"] == "mine"


def test_while_it_is_written_mistakes_picture_and_changes_are_told(operator: Client) -> None:
    operator.post(HERE, {"text": TEXT, "version": "1"})

    fine = operator.post(f"{HERE}check/", {"text": TEXT.replace("shop.internal", "shop.internal:80")})
    faulty = operator.post(f"{HERE}check/", {"text": "steps: [{name: <b>}]"})
    by_button = operator.post(HERE, {"text": TEXT, "version": "2", "check": "yes"})

    assert "No mistake" in fine.content.decode()
    assert "What changes from version 2" in fine.content.decode()
    assert "<svg" in fine.content.decode()
    assert "Line 1, column" in in_one_line(faulty.content.decode())
    assert "<b>" not in faulty.content.decode()
    assert "It says what version 2 says" in in_one_line(by_button.content.decode())
    assert current().version == 2


def test_a_workflow_is_removed_as_a_version_of_its_own(operator: Client) -> None:
    operator.post(HERE, {"text": TEXT, "version": "1"})
    stale = operator.post(f"{HERE}remove/", {"version": "1"})
    assert (stale.status_code, current().workflow is None) == (409, False)
    assert "What you wrote" not in stale.content.decode()

    operator.post(f"{HERE}remove/", {"version": "2"})

    assert (current().version, current().workflow, current().secrets) == (3, None, [])
    page = operator.get("/governance/action-types/refund_payment/").content.decode()
    assert "There is none: the agent carries out what is approved" in page
    assert "Step 1" in operator.get("/governance/action-types/refund_payment/?version=2").content.decode()
    assert operator.get("/governance/action-types/no_such/workflow/").status_code == 404
