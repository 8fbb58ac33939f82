"""Notices: who is owed what, once; nothing of what an agent wrote is in them."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from approvals.attention import looks, presence
from approvals.beside import claims
from approvals.deciding import decide, undo
from approvals.models import Delivery, Follower, Here, Look, Message, Notice, Target, Wishes
from approvals.models.kinds import Kind
from approvals.telling.owe import owe
from approvals.telling.tell import tell, tell_due
from audit.ground.actors import TIMER, WORKER
from audit.log.record import record
from audit.sealing import stored
from audit.statements.writes import NotInTransaction
from governance.models import Team
from suggestions.models import Proposal
from tests.approvals.conftest import TWO_PEOPLE
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import actor_of, suggestion_body
from tests.sealed import follow

TWO_GRACE = "version: 1\ndefaults: {verdict: review, team: operations, approvals: 2, grace: 1m}\n"


def owed(kind: Kind, proposal: Any, *people: Any, occasion: str = "") -> None:
    with transaction.atomic():
        owe(kind, proposal, people, occasion=occasion)


def target(user: Any, **fields: Any) -> Target:
    return Target.objects.create(
        user=user, name="mine", service="Webhook", shown="hooks.example", sealed=b"x", **fields
    )


def test_each_is_owed_a_thing_once_for_each_occasion(proposal: Any, ana: Any, ben: Any) -> None:
    for occasion in ("1", "1", "2"):
        owed(Kind.ASSIGNED, proposal, ana, ben, occasion=occasion)

    assert Notice.objects.filter(user=ana).count() == 2
    assert Notice.objects.filter(user=ben).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_notice_is_owed_in_the_transaction_of_its_cause(proposal: Any, ana: Any) -> None:
    with pytest.raises(NotInTransaction):
        owe(Kind.ASSIGNED, proposal, [ana])
    with transaction.atomic():
        owe(Kind.ASSIGNED, proposal, [ana])
        transaction.set_rollback(True)

    assert not Notice.objects.exists()


def test_nothing_is_owed_outside_to_somebody_without_an_address(proposal: Any, ana: Any, ben: Any) -> None:
    target(ben)

    owed(Kind.ASSIGNED, proposal, ana, ben)

    assert dict(Notice.objects.values_list("user__username", "outside")) == {"ana": "none", "ben": "waiting"}


def test_who_wants_nothing_of_a_topic_gets_nothing(proposal: Any, ana: Any, ben: Any) -> None:
    off = {"page": False, "browser": False, "outside": "off"}
    Wishes.objects.create(user=ana, topics={"assigned": off})

    owed(Kind.ASSIGNED, proposal, ana, ben)

    assert [notice.user for notice in Notice.objects.all()] == [ben]


# --- What the log asks for -------------------------------------------------------------------------


@pytest.fixture
def following(db: None) -> Any:
    """The log is read from here on."""
    follow()
    return follow


def lines() -> list[tuple[str, str, int, int]]:
    found = Notice.objects.order_by("user__username", "kind", "-risk")
    return [(n.user.username, n.kind, n.count, n.risk) for n in found.select_related("user")]


def risky(level: str) -> dict[str, Any]:
    return {"suggestions": [suggestion_body(risk={"level": level, "indicators": []})]}


def test_new_proposals_become_one_line_for_each_urgency(
    following: Any, propose: Any, ana: Any, ben: Any, cyd: Any, dora: Any
) -> None:
    for _ in range(3):
        propose()
    following()
    propose(**risky("critical"))
    propose()
    following()

    assert lines() == [("ana", "new", 1, 3), ("ana", "new", 4, 1), ("ben", "new", 1, 3), ("ben", "new", 4, 1)]


@pytest.mark.django_db(transaction=True)
def test_an_event_is_told_once_however_often_the_log_is_read(following: Any, propose: Any, ana: Any) -> None:
    propose()
    for _ in range(6):
        following()
    propose()
    for _ in range(6):
        following()

    assert lines() == [("ana", "new", 2, 1)]
    assert Follower.objects.get().position == stored.tree_size()


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_late_is_not_left_out(propose: Any, ana: Any, agent: Any) -> None:
    follow()
    drawn, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            propose()
            drawn.set()
            go_on.wait(20)
        connection.close()

    thread = threading.Thread(target=slowly)
    thread.start()
    drawn.wait(20)
    propose()  # a higher number, there earlier
    for _ in range(6):
        follow()
    assert lines() == [("ana", "new", 1, 1)]
    go_on.set()
    thread.join()
    for _ in range(6):
        follow()

    assert lines() == [("ana", "new", 2, 1)]


@pytest.mark.django_db(transaction=True)
def test_a_turn_has_an_end_and_the_next_goes_on(
    following: Any, propose: Any, ana: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("approvals.telling.follow.AT_ONCE", 2)
    for _ in range(5):
        propose()
    turns = [following() for _ in range(12)]

    assert sum(turns) == 5
    assert max(turns) <= 2
    assert lines() == [("ana", "new", 5, 1)]


def test_nobody_is_told_what_comes_in_on_the_desk_before_them(
    following: Any, propose: Any, ana: Any, ben: Any
) -> None:
    presence.beat(ana, desk=True)
    propose()
    following()

    assert lines() == [("ben", "new", 1, 1)]


def test_people_are_told_what_became_of_what_they_said(
    following: Any, propose: Any, policy: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    policy(TWO_PEOPLE)
    proposal = propose()
    approve(proposal, ana)
    following()
    reject(proposal, ben)
    following()

    assert lines() == [
        ("ana", "new", 1, 1),
        ("ana", "overtaken", 1, 1),
        ("ben", "new", 1, 1),
        ("ben", "second", 1, 1),
    ]


def test_assigned_escalated_taken_over_and_undone(
    following: Any, propose: Any, policy: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    policy(TWO_GRACE)
    proposal = propose()
    following()
    Notice.objects.all().delete()

    claims.assign(proposal.pk, to=ben, by=ana, actor=actor_of(ana))
    claims.claim(proposal.pk, user=ana, actor=actor_of(ana), take_over=True)
    approve(proposal, ana)
    following()
    approve(proposal, ben)
    undo.undo(proposal.pk, reviewer=ben, actor=actor_of(ben))
    finance = Team.objects.get(slug="finance")
    decide.escalate(proposal.pk, to=finance, reviewer=ben, actor=actor_of(ben), reason="not ours")
    following()

    assert lines() == [
        ("ana", "undone", 1, 1),
        ("ben", "assigned", 1, 1),
        ("ben", "second", 1, 1),
        ("ben", "taken_over", 1, 1),
        ("cyd", "escalated", 1, 1),
        ("cyd", "second", 1, 1),
    ]


def test_who_approved_it_is_told_that_it_needs_attention(
    following: Any, proposal: Any, ana: Any, ben: Any
) -> None:
    approve(proposal, ana)
    data = {"execution": "", "reason": "Yusuf"}
    record("execution.needs_attention", actor=WORKER, proposal=proposal.pk, data=data)
    following()

    assert ("ana", "attention", 1, 1) in lines()
    assert ("ben", "attention", 1, 1) not in lines()


def test_a_reminder_is_for_whoever_is_on_it_else_for_the_team(
    following: Any, propose: Any, ana: Any, ben: Any
) -> None:
    first, second = propose(), propose()
    claims.claim(first.pk, user=ana, actor=actor_of(ana))
    following()
    Notice.objects.all().delete()
    for proposal in (first, second):
        record("proposal.reminded", actor=TIMER, proposal=proposal.pk, data={"deadline": "", "teams": []})
    following()

    assert lines() == [("ana", "reminder", 1, 1), ("ana", "reminder", 1, 1), ("ben", "reminder", 1, 1)]


# --- From what is owed to a message ----------------------------------------------------------------


def later(*, seconds: int = 31) -> None:
    """Let so much time pass for what waits."""
    back = timedelta(seconds=seconds)
    Notice.objects.update(at=F("at") - back, due_at=F("due_at") - back)
    Wishes.objects.update(sent_at=F("sent_at") - back)
    Proposal.objects.update(created_at=F("created_at") - back)


def titles() -> list[str]:
    return list(Message.objects.order_by("id").values_list("title", flat=True))


def test_a_burst_is_one_message(following: Any, propose: Any, ana: Any) -> None:
    target(ana)
    for _ in range(14):
        propose(**risky("high"))
    following()
    tell_due()
    assert titles() == []
    later()
    tell_due()
    tell_due()

    assert titles() == ["reviewapp: 14 new proposals for Operations, high or critical risk"]
    assert Delivery.objects.count() == 1


def test_what_comes_soon_after_a_message_waits_for_the_next(following: Any, propose: Any, ana: Any) -> None:
    target(ana)
    for _ in range(3):
        propose(**risky("high"))
        following()
        later()
        tell_due()
    assert len(titles()) == 1
    later(seconds=300)
    tell_due()

    assert titles()[1:] == ["reviewapp: 2 new proposals for Operations, high or critical risk"]


def test_low_risk_waits_for_the_digest(following: Any, propose: Any, ana: Any) -> None:
    target(ana)
    propose()
    following()
    later()
    tell_due()
    assert titles() == []
    assert Notice.objects.get().in_digest

    propose()
    following()
    later(seconds=5 * 3600)
    tell_due()

    assert titles() == ["reviewapp: 2 new proposals for Operations"]


def test_nothing_is_sent_of_what_was_decided_read_or_seen_meanwhile(
    following: Any, propose: Any, ana: Any, ben: Any
) -> None:
    target(ana)

    def pass_by(meanwhile: Any) -> None:
        proposal = propose(**risky("high"))
        following()
        later()
        meanwhile(proposal)
        tell_due()
        assert titles() == []
        assert set(Notice.objects.filter(user=ana).values_list("outside", flat=True)) == {"dropped"}
        Notice.objects.all().delete()
        Look.objects.all().delete()
        Here.objects.all().delete()

    pass_by(lambda _: Notice.objects.update(read_at=Now()))
    pass_by(lambda proposal: looks.look(proposal.pk, user=ana, seconds=1))
    pass_by(lambda _: presence.beat(ana, desk=True))
    pass_by(lambda proposal: reject(proposal, ben))


def test_of_a_bundle_only_what_is_still_open_is_told(
    following: Any, propose: Any, ana: Any, ben: Any
) -> None:
    target(ana)
    for _ in range(3):
        last = propose(**risky("high"))
    following()
    reject(last, ben)
    later()
    tell_due()

    assert titles() == ["reviewapp: 2 new proposals for Operations, high or critical risk"]


def test_each_target_gets_the_message_and_nobody_twice(following: Any, propose: Any, ana: Any) -> None:
    target(ana), target(ana), target(ana, disabled_at=Now())
    propose(**risky("critical"))
    following()
    later()
    for _ in range(3):
        tell(ana.pk)

    assert Message.objects.count() == 1
    assert Delivery.objects.count() == 2
