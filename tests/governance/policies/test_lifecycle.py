"""Every move of a policy: who may make it, from where, and what the log says of it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.models import ActionType, PolicyVersion, Team, User
from governance.policies import lifecycle
from governance.policies.lifecycle import MayNotChangePolicies, NothingBefore, OwnPolicy, WrongState
from tests.conftest import approved, in_force, make_person
from tests.searching import searched

STATUS = PolicyVersion.Status
NUMBERS = itertools.count(1)


def text(priority: int | None = None, **defaults: Any) -> str:
    said = {"priority": next(NUMBERS) % 100 if priority is None else priority, **defaults}
    return (
        "version: 1\ndefaults: "
        + json.dumps(said)
        + f"\nrules: [{{name: r{next(NUMBERS)}, when: 'false', then: {{}}}}]"
    )


@pytest.fixture
def otto(db: None) -> Any:
    return make_person("otto", "operator")


def events() -> list[tuple[str, Any]]:
    found = Event.objects.filter(type__startswith="policy.").order_by("pk")
    return [(body["type"], body["data"]["policy"]) for body in (json.loads(e.body) for e in found)]


def test_a_policy_goes_from_draft_to_active_and_every_step_is_an_event(
    ana: Any, olga: Any, otto: Any
) -> None:
    first = in_force(text())
    version, created = lifecycle.draft(text(7), author=olga, note="More of it.")
    assert (created, version.status, version.author, version.note) == (True, "draft", olga, "More of it.")
    assert lifecycle.mark_validated(version, {"proposals": 3}, actor=SYSTEM).status == "validated"
    assert lifecycle.approve(version, by=otto).approved_by == otto
    lifecycle.set_shadow(version, by=olga)
    lifecycle.activate(version, by=olga)

    version.refresh_from_db()
    first.refresh_from_db()
    assert (version.status, version.shadow, version.score) == ("active", False, {"proposals": 3})
    assert first.status == "retired"
    kinds = ["drafted", "validated", "approved", "shadowed", "activated"]
    assert events()[-5:] == [(f"policy.{kind}", version.pk) for kind in kinds]
    assert (
        json.loads(Event.objects.filter(type="policy.activated").latest("pk").body)["data"]["before"]
        == first.pk
    )


def test_what_says_the_same_is_the_same_version(ana: Any, olga: Any, otto: Any) -> None:
    said = text()
    version, _ = lifecycle.draft(said, author=olga)
    assert lifecycle.draft("# again\n" + said, author=otto) == (version, False)
    assert len(events()) == 1


def test_going_back_leads_further_back_each_time(ana: Any, olga: Any) -> None:
    a, b, c = (in_force(text()) for _ in range(3))
    with pytest.raises(Invalid):
        lifecycle.rollback(by=olga, reason=" ")

    assert lifecycle.rollback(by=olga, reason="It let too much pass.") == b
    assert lifecycle.rollback(by=olga, reason="That was no better.") == a
    with pytest.raises(NothingBefore):
        lifecycle.rollback(by=olga, reason="And on.")

    assert PolicyVersion.objects.get(pk=c.pk).rolled_back_because == "It let too much pass."
    assert events()[-2:] == [("policy.rolled_back", b.pk), ("policy.rolled_back", a.pk)]
    lifecycle.activate(c, by=olga)
    assert lifecycle.rollback(by=olga, reason="Still wrong.") == a
    assert [v.pk for v in PolicyVersion.objects.active()] == [a.pk]


def test_before_any_policy_there_is_no_way_back(olga: Any) -> None:
    with pytest.raises(NothingBefore):
        lifecycle.rollback(by=olga, reason="Why not?")


def test_one_version_runs_beside_the_active_one(ana: Any, olga: Any) -> None:
    active = in_force(text())
    one, other = (approved(lifecycle.draft(text(), author=olga)[0]) for _ in range(2))
    with pytest.raises(WrongState):
        lifecycle.set_shadow(active, by=olga)
    lifecycle.set_shadow(one, by=olga)
    lifecycle.set_shadow(other, by=olga)
    assert list(PolicyVersion.objects.filter(shadow=True)) == [other]
    lifecycle.set_shadow(None, by=olga)
    assert not PolicyVersion.objects.filter(shadow=True).exists()
    kinds = ["shadowed", "unshadowed", "shadowed", "unshadowed"]
    assert [kind for kind, _ in events()][-4:] == [f"policy.{kind}" for kind in kinds]


# --- Every move, from every state, by everybody -------------------------------------------------


MOVES: dict[str, tuple[set[str], Callable[[PolicyVersion, User], Any]]] = {
    "approve": ({"validated"}, lambda version, by: lifecycle.approve(version, by=by)),
    "activate": ({"approved", "retired"}, lambda version, by: lifecycle.activate(version, by=by)),
    "shadow": (
        {"approved", "retired"},
        lambda version, by: lifecycle.set_shadow(version, by=by),
    ),
    "rollback": ({"active"}, lambda version, by: lifecycle.rollback(by=by, reason="Because.")),
    "draft": (set(STATUS), lambda version, by: lifecycle.draft(text(), author=by)),
}
ROLES = ("author", "operator", "reviewer", "auditor", "nobody", "inactive operator")


@pytest.fixture
def people(ana: Any, dora: Any, olga: Any, otto: Any) -> dict[str, User]:
    left = make_person("left", "operator")
    left.is_active = False
    left.save()
    nobody = User.objects.create_user("nobody", password="nobody-has-a-long-password")
    return dict(zip(ROLES, (olga, otto, ana, dora, nobody, left), strict=True))


def version_in(status: str, author: User, approver: User) -> PolicyVersion:
    version, _ = lifecycle.draft(text(), author=author)
    if status != STATUS.DRAFT:
        lifecycle.mark_validated(version, {"proposals": 0}, actor=SYSTEM)
    if status in (STATUS.APPROVED, STATUS.ACTIVE, STATUS.RETIRED):
        lifecycle.approve(version, by=approver)
    if status in (STATUS.ACTIVE, STATUS.RETIRED):
        in_force(text())
        lifecycle.activate(version, by=approver)
    if status == STATUS.RETIRED:
        in_force(text())
    return PolicyVersion.objects.get(pk=version.pk)


def rows() -> list[Any]:
    return list(PolicyVersion.objects.order_by("pk").values_list("pk", "status", "shadow", "approved_by"))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("status", list(STATUS))
@pytest.mark.parametrize("move", MOVES)
def test_a_move_by_the_wrong_role_or_from_the_wrong_state_changes_nothing(
    people: dict[str, User], move: str, status: str, role: str
) -> None:
    version = version_in(status, people["author"], people["operator"])
    states, verb = MOVES[move]
    before, told = rows(), len(events())
    expected: type[Exception] | None = None
    if role not in ("author", "operator"):
        expected = MayNotChangePolicies
    elif move == "rollback":  # about whatever is active, not about this version
        expected = None if status in ("active", "retired") else NothingBefore
    elif status not in states:
        expected = WrongState
    elif move == "approve" and role == "author":
        expected = OwnPolicy

    if expected is None:
        verb(version, people[role])
        assert rows() != before
        assert len(events()) == told + 1
    else:
        with pytest.raises(expected):
            verb(version, people[role])
        assert (rows(), len(events())) == (before, told)


@searched(25)
@given(
    st.lists(
        st.tuples(st.sampled_from([*MOVES, "validate"]), st.sampled_from(ROLES), st.integers(0, 3)),
        max_size=25,
    )
)
def test_whatever_people_try_what_is_active_was_approved_by_a_second_person(
    people: dict[str, User], tried: list[tuple[str, str, int]]
) -> None:
    PolicyVersion.objects.all().delete()
    versions = [lifecycle.draft(text(), author=people["author"])[0] for _ in range(4)]
    for move, role, number in tried:
        version, before = versions[number], rows()
        try:
            if move == "validate":
                lifecycle.mark_validated(version, {"proposals": 0}, actor=SYSTEM)
            else:
                MOVES[move][1](version, people[role])
        except (MayNotChangePolicies, OwnPolicy, WrongState, NothingBefore):
            assert rows() == before
        else:
            assert role in ("author", "operator") or move == "validate"
    assert PolicyVersion.objects.active().count() <= 1
    judging = PolicyVersion.objects.filter(shadow=True)
    for version in PolicyVersion.objects.filter(status__in=["approved", "active", "retired"]) | judging:
        assert version.approved_by == people["operator"]
        assert version.author == people["author"]
        assert version.score is not None


# --- Two at once ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_activations_at_once_one_stays_active(ana: Any, olga: Any, otto: Any) -> None:
    versions = [version_in("approved", olga, otto) for _ in range(8)]
    start = threading.Barrier(len(versions))
    failed: list[Exception] = []

    def activate(version: PolicyVersion) -> None:
        start.wait()
        try:
            lifecycle.activate(version, by=otto)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=activate, args=[version]) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    [active] = PolicyVersion.objects.active()
    assert PolicyVersion.objects.filter(status=STATUS.RETIRED).count() == len(versions) - 1
    assert events()[-1] == ("policy.activated", active.pk)


# --- Somebody has to decide -------------------------------------------------------------------------


def test_an_unknown_team_is_refused(ana: Any, olga: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        lifecycle.draft(text(team="finance"), author=olga)
    [error] = refusal.value.errors
    assert error["pointer"] == "/defaults/team"
    assert "No such team: finance" in error["detail"]
    assert not PolicyVersion.objects.exists()


@pytest.mark.parametrize("how", ["empty", "auditors only", "inactive", "lost the role"])
def test_a_team_that_cannot_decide_is_refused(ana: Any, olga: Any, dora: Any, ben: Any, how: str) -> None:
    finance = Team.objects.create(slug="finance", name="Finance")
    if how == "auditors only":
        dora.teams.add(finance)
    if how == "inactive":
        ben.teams.add(finance)
        User.objects.filter(pk=ben.pk).update(is_active=False)
    if how == "lost the role":
        ben.teams.add(finance)
        ben.groups.clear()
    rule = (
        """{name: large, when: 'action.name == "refund_payment" && args.amount > 1', then: {team: finance}}"""
    )
    with pytest.raises(Invalid) as refusal:
        lifecycle.draft(f"version: 1\nrules: [{rule}]", author=olga)
    [error] = refusal.value.errors
    assert error["pointer"] == "/rules/0/then/team"
    assert "The rule large sends refund_payment to finance, where nobody may decide" in error["detail"]


def test_the_team_of_the_defaults_is_needed_even_where_everything_would_pass(
    olga: Any, action_type: ActionType
) -> None:
    with pytest.raises(Invalid) as refusal:  # nobody is in operations yet
        lifecycle.draft("version: 1\ndefaults: {verdict: auto_approve}", author=olga)
    assert "The defaults send refund_payment to operations" in refusal.value.errors[0]["detail"]


def test_what_is_only_ever_blocked_needs_nobody(ana: Any, olga: Any) -> None:
    Team.objects.create(slug="finance", name="Finance")
    blocks = "{name: never, when: 'true', then: {verdict: block, team: finance}}"
    assert lifecycle.draft(f"version: 1\nrules: [{blocks}]", author=olga)[1]
    ana.teams.clear()
    assert lifecycle.draft("version: 1\ndefaults: {verdict: block}", author=olga)[1]


def test_a_team_that_was_left_meanwhile_stops_the_activation(ana: Any, olga: Any, otto: Any) -> None:
    version = version_in("approved", olga, otto)
    ana.teams.clear()
    with pytest.raises(Invalid):
        lifecycle.activate(version, by=otto)
    assert not PolicyVersion.objects.active().exists()
