"""The frame of a page asks once, and tells what each of its parts would tell alone."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.desk.today import decided_today
from approvals.models import Notice
from approvals.telling import bell
from execution.models import Execution
from execution.running import heartbeats
from governance.models import User
from governance.trust import halts
from reviewapp.web.frame import frame_of
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import actor_of
from tests.queries import statements


@pytest.mark.parametrize(("name", "executions"), [("ana", 1), ("cyd", 0), ("dora", 1), ("nobody", 0)])
def test_each_part_is_what_it_is_alone(
    propose: Any, ana: Any, cyd: Any, dora: Any, olga: Any, name: str, executions: int
) -> None:
    User.objects.create_user("nobody")
    person = User.objects.get(username=name)
    approve(propose(), ana)
    reject(propose(), ana)
    Execution.objects.update(status="needs_attention")
    Notice.objects.create(user=person, kind="assigned", team_id="operations", risk=1, urgent=False)
    halts.throw("action", action="refund_payment", reason="Wait.", actor=actor_of(olga))
    heartbeats.beat("beat")

    frame = frame_of(person)

    assert (frame.unread, frame.decided_today) == (bell.unread(person), decided_today(person))
    assert frame.unread == 1
    assert frame.decided_today == (2 if name == "ana" else 0)
    visible = Execution.objects.visible_to(person).filter(status="needs_attention").count()
    assert frame.executions == executions == visible * person.has_perm("execution.view_execution")
    assert frame.halted
    assert heartbeats.in_words(frame.ages) == heartbeats.warnings() == heartbeats.silences()
    assert heartbeats.silences() == ["The worker has not said anything yet."]


def test_it_is_one_statement(ana: Any) -> None:
    person = User.objects.get(pk=ana.pk)
    person.has_perm("execution.view_execution")
    frame_of(person)
    assert statements(lambda: frame_of(person)) == 1
