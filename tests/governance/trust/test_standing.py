"""Standing approvals: what they say, who may move them, when they count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from audit.asking.bodies import check
from audit.ground.actors import SYSTEM
from audit.ground.ids import uuid7
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.models import Agent, StandingApproval, Team
from governance.trust import standing
from governance.trust.autonomy import lower_stage, raise_stage
from governance.trust.standing import Bound, Scope
from tests.conftest import actor_of

BOUNDS = {
    "order_id": Bound(prefix="#W"),
    "amount": Bound(at_least=1, at_most=60.5),
}


def scope_for(agent: Any, **changes: Any) -> Scope:
    said = {"action": "refund_payment", "version": 1, "subject": ("customer", "c-1"), "arguments": BOUNDS}
    return Scope(agent, **{**said, **changes})


@pytest.fixture
def draft(agent: Any, ana: Any) -> Any:
    def make(by: Any = ana, **changes: Any) -> StandingApproval:
        team = Team.objects.get(slug="operations")
        return standing.draft(
            changes.pop("scope", scope_for(agent)),
            team=team,
            proposal=uuid7(),
            by=by,
            actor=actor_of(by),
            **changes,
        )

    return make


@pytest.fixture
def active(draft: Any, ben: Any) -> Any:
    return standing.activate(draft().pk, by=ben, actor=actor_of(ben))


def facts(**changes: Any) -> dict[str, Any]:
    return {
        "agent": {"name": "support-bot"},
        "action": {"name": "refund_payment", "version": 1},
        "subject": {"type": "customer", "id": "c-1"},
        "args": {"order_id": "#W1", "amount": 54},
        **changes,
    }


# --- What it says


def test_it_reads_as_the_rule_that_is_asked(agent: Any) -> None:
    assert scope_for(agent).rule() == (
        'agent.name == "support-bot"\n'
        '&& action.name == "refund_payment"\n'
        "&& action.version == 1\n"
        '&& subject.type == "customer" && subject.id == "c-1"\n'
        '&& args.all(name, name in ["amount", "order_id"])\n'
        "&& args.amount >= 1\n"
        "&& args.amount <= 60.5\n"
        '&& args.order_id.startsWith("#W")'
    )


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"args": {"order_id": "#W2", "amount": 60.5}}, True),
        ({"args": {"order_id": "#W2", "amount": 60.51}}, False),
        ({"args": {"order_id": "#W2", "amount": 0.5}}, False),
        ({"args": {"order_id": "W2", "amount": 5}}, False),
        ({"args": {"order_id": "#W2", "amount": "5"}}, False),
        ({"args": {"order_id": "#W2"}}, False),
        ({"args": {"order_id": "#W2", "amount": 5, "note": "free text"}}, False),
        ({"subject": {"type": "customer", "id": "c-2"}}, False),
        ({"subject": {"type": "", "id": ""}}, False),
        ({"action": {"name": "refund_payment", "version": 2}}, False),
        ({"action": {"name": "send_money", "version": 1}}, False),
        ({"agent": {"name": "other-bot"}}, False),
    ],
)
def test_it_covers_what_is_within_its_bounds_and_nothing_else(
    active: Any, changes: Any, covered: bool
) -> None:
    assert standing.ready(active.pk).covers(facts(**changes)) is covered


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))  # as the gate lets in
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(value=JSON, other=JSON, name=TEXT.filter(bool))
def test_equal_means_equal_whatever_the_value_and_the_name(value: Any, other: Any, name: str) -> None:
    scope = scope_for(Agent(name="support-bot"), arguments={name: Bound(equal=value)})
    asked = standing.Ready(uuid7(), "", "", standing.compiled(scope.rule()), "")
    assert asked.covers(facts(args={name: value}))
    if canonical(value) != canonical(other):
        assert not asked.covers(facts(args={name: other}))


def canonical(value: Any) -> Any:
    from audit.ground.canonical import canonical

    return canonical([value])


@pytest.mark.parametrize(
    "bound",
    [{}, {"equal": 1, "any": True}, {"at_least": None}, {"one_of": []}, {"prefix": ""}, {"any": False},
     {"at_most": True}, {"at_most": "5"}, {"free": True}],
)  # fmt: skip
def test_a_bound_that_says_nothing_or_two_things_is_refused(bound: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        check(Bound, bound)


# --- Who may


def test_two_people_make_one(draft: Any, ana: Any, ben: Any) -> None:
    drafted = draft(lasts=timedelta(days=3), uses=5)
    assert (drafted.status, drafted.activated_by) == ("draft", None)
    with pytest.raises(standing.YourOwnDraft):
        standing.activate(drafted.pk, by=ana, actor=actor_of(ana))

    active = standing.activate(drafted.pk, by=ben, actor=actor_of(ben))

    assert (active.status, active.activated_by, active.uses) == ("active", ben, 0)
    assert active.expires_at == active.activated_at + timedelta(days=3)
    assert [e.type for e in Event.objects.order_by("id")] == [
        "standing_approval.drafted",
        "standing_approval.activated",
    ]


def test_neither_another_team_nor_the_agents_owner_has_a_say(draft: Any, cyd: Any, olga: Any) -> None:
    olga.teams.add("operations")
    for person, refusal in [(cyd, standing.NotYourTeam), (olga, standing.YourOwnAgent)]:
        with pytest.raises(refusal):
            draft(by=person)
        with pytest.raises(refusal):
            standing.activate(draft().pk, by=person, actor=actor_of(person))
    with pytest.raises(standing.NotYourTeam):
        standing.revoke(draft().pk, by=cyd, actor=actor_of(cyd))


def test_the_database_itself_wants_two_people(draft: Any, ana: Any) -> None:
    drafted = draft()
    for activated_by in (ana, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            StandingApproval.objects.filter(pk=drafted.pk).update(status="active", activated_by=activated_by)


@pytest.mark.parametrize(
    "changes",
    [{"uses": 0}, {"uses": 1001}, {"lasts": timedelta(0)}, {"lasts": timedelta(days=90, seconds=1)}],
)
def test_its_time_and_its_uses_are_bounded(draft: Any, changes: Any) -> None:
    with pytest.raises(Invalid):
        draft(**changes)


def test_it_can_be_revoked_by_whoever_might_have_activated_it_and_by_operators(
    draft: Any, ana: Any, ben: Any, olga: Any
) -> None:
    for person in (ana, ben, olga):
        revoked = standing.revoke(draft().pk, by=person, actor=actor_of(person), reason="not any more")
        assert (revoked.status, revoked.ended_by) == ("revoked", person)
        with pytest.raises(standing.NotOpen):
            standing.activate(revoked.pk, by=ben, actor=actor_of(ben))
        with pytest.raises(standing.NotOpen):
            standing.revoke(revoked.pk, by=person, actor=actor_of(person))


# --- When it counts


def test_it_is_used_as_often_as_it_says(draft: Any, ben: Any) -> None:
    two = standing.activate(draft(uses=2).pk, by=ben, actor=actor_of(ben))
    assert [standing.take(two.pk) for _ in range(3)] == [1, 0, None]
    two.refresh_from_db()
    assert (two.status, two.uses) == ("used_up", 2)
    standing.give_back(two.pk)
    assert standing.take(two.pk) == 0


def test_a_draft_an_expired_and_a_revoked_one_give_nothing(draft: Any, ben: Any) -> None:
    drafted, expired, revoked = (draft() for _ in range(3))
    for one in (expired, revoked):
        standing.activate(one.pk, by=ben, actor=actor_of(ben))
    StandingApproval.objects.filter(pk=expired.pk).update(expires_at=Now())
    standing.revoke(revoked.pk, by=ben, actor=actor_of(ben))
    assert [standing.take(one.pk) for one in (drafted, expired, revoked)] == [None, None, None]


def test_what_is_over_is_written_down(draft: Any, ben: Any) -> None:
    waited, counted = draft(), draft()
    standing.activate(counted.pk, by=ben, actor=actor_of(ben))
    StandingApproval.objects.update(expires_at=Now())
    with pytest.raises(standing.NotOpen):
        standing.activate(waited.pk, by=ben, actor=actor_of(ben))

    assert (standing.expire(), standing.expire()) == (2, 0)

    assert {s.ending_reason for s in StandingApproval.objects.filter(status="expired")} == {
        "Nobody activated it in time.",
        "Its time is over.",
    }


def test_it_ends_when_the_agent_is_put_back(active: Any, agent: Any, action_type: Any, pia: Any) -> None:
    raise_stage(agent, "refund_payment", 3, by=pia, actor=actor_of(pia), reason="seen it work")
    active.refresh_from_db()
    assert active.status == "active"

    lower_stage(agent, "refund_payment", 2, actor=SYSTEM, reason="seen it fail")

    active.refresh_from_db()
    assert (active.status, standing.take(active.pk)) == ("ended", None)
    assert Event.objects.filter(type="standing_approval.ended").count() == 1


def test_an_agent_has_only_so_many(draft: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "MOST_PER_AGENT", 2)
    draft(), draft()
    with pytest.raises(standing.TooMany):
        draft()
