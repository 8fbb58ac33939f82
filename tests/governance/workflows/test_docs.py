"""The examples of the reference are workflows that could be saved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as machine

from audit.ground.actors import SYSTEM
from governance.actions import callables
from governance.actions.action_types import register
from governance.models import ActionType, Team
from governance.secrets import keep
from governance.workflows.check import check
from governance.workflows.picture import picture
from governance.workflows.written import text_of
from tests.conftest import REFUND

REFERENCE = (Path(machine.BASE_DIR) / "docs" / "workflows.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- checked: refund_payment -->\n```yaml\n(.*?)```", REFERENCE, re.DOTALL)


@pytest.fixture
def refunds(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> ActionType:
    settings.EGRESS_ALLOW = ["shop.internal:80", "tools.internal:443"]
    monkeypatch.setattr(callables, "registered", lambda: {"shop.refund": "shop:refund"})
    Team.objects.get_or_create(slug="payments", defaults={"name": "Payments"})
    for name in ("shop-token", "books"):
        keep.write(name, "what-nobody-reads", actor=SYSTEM, by=None, granted_to=["refund_payment"])
    return register(REFUND, actor=SYSTEM)[0]


@pytest.mark.parametrize("number", range(3))
def test_an_example_has_no_mistake_and_says_the_same_once_it_was_kept(
    refunds: ActionType, number: int
) -> None:
    found = check(EXAMPLES[number], refunds)

    assert (found.errors, found.warnings) == ([], [])
    assert picture(found.plan) is not None
    assert check(text_of(found.content), refunds).content == found.content
