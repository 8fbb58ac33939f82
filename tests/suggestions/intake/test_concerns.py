"""Two open proposals about the same that would do different things."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.deciding.together import candidates
from approvals.queue.rows import rows_of
from audit.ground.ids import uuid7
from governance.models import ActionType, Team
from suggestions.intake.concerns import concern_of, contradictions
from suggestions.models import Proposal, Suggestion
from tests.conftest import suggestion_body
from tests.queries import counted, statements


def concern(arguments: dict[str, Any], *, required: tuple[str, ...] = (), subject: str = "") -> Any:
    proposal = Proposal(subject_type="customer" if subject else "", subject_id=subject)
    first = Suggestion(arguments=arguments, action_type=ActionType(name="change"))
    schema = {"required": list(required), "properties": {name: {} for name in arguments}}
    return concern_of(proposal, first, schema)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"order_id": "#D1000", "address": "A"}, {"order_id": "d1000", "address": "B"}),
        ({"orderId": "1", "payment_method_id": "x"}, {"orderId": "1", "payment_method_id": "y"}),
        ({"order": {"id": 7}, "to": "a"}, {"order": {"id": 7}, "to": "b"}),
        ({"user_id": "u1", "order_id": "o1", "amount": 1}, {"user_id": "u1", "order_id": "o1", "amount": 2}),
        ({"user_id": "u1", "zip": "1"}, {"user_id": "u1", "zip": "2"}),
        ({"order_id": "o1", "item_ids": ["a", "b"]}, {"order_id": "o1", "item_ids": ["b", "a"]}),
        ({"pullNumber": 5, "merge": "squash"}, {"pullNumber": 5, "merge": "rebase"}),
    ],
)
def test_what_is_about_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert concern(one, subject="c1") == concern(other, subject="c2") is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"order_id": "o1"}, {"order_id": "o2"}),
        ({"user_id": "u1", "order_id": "o1"}, {"user_id": "u1", "order_id": "o2"}),
        ({"order_id": "o1", "item_ids": ["a"]}, {"order_id": "o1", "item_ids": ["b"]}),
        ({"order_id": "1"}, {"booking_id": "1"}),
    ],
)
def test_what_is_not(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert concern(one, subject="c1") != concern(other, subject="c1")


def test_without_an_identifier_it_is_about_its_subject_or_about_nothing() -> None:
    assert concern({"text": "a"}, subject="c1") == concern({"text": "b"}, subject="c1") is not None
    assert concern({"text": "a"}) is None
    assert concern({"order_id": ["", {}], "id": True, "ref": ""}) is None


def pair(propose: Any, **more: Any) -> list[Any]:
    return [
        propose(suggestions=[suggestion_body(arguments={"order_id": "#D1000", "amount": n})], **more)
        for n in (5, 6)
    ]


def test_both_say_it_until_one_is_decided(propose: Any, ana: Any) -> None:
    first, second = pair(propose)
    same = propose(suggestions=[suggestion_body(arguments={"order_id": "#D1000", "amount": 5})])
    other = propose(suggestions=[suggestion_body(arguments={"order_id": "#D1001", "amount": 5})])

    rows = {row.id: set(row.contradicts) for row in rows_of([first.pk, second.pk, same.pk, other.pk])}

    assert rows == {
        str(first.pk): {str(second.pk)},
        str(second.pk): {str(first.pk), str(same.pk)},
        str(same.pk): {str(second.pk)},
        str(other.pk): set(),
    }
    against = {one.proposal.pk: one.against for one in candidates([first.pk, other.pk], ana)}
    assert (len(against[first.pk]), against[other.pk]) == (1, ())
    Proposal.objects.filter(pk=second.pk).update(status="withdrawn")
    assert [row.contradicts for row in rows_of([first.pk, second.pk])] == [(), ()]


def test_nobody_learns_of_what_they_may_not_see(propose: Any, ana: Any, cyd: Any) -> None:
    first, second = pair(propose)
    other_team = cyd.teams.first() or Team.objects.create(slug="elsewhere", name="Elsewhere")
    Proposal.objects.filter(pk=second.pk).update(team=other_team)
    first.refresh_from_db()

    assert [row.contradicts for row in rows_of([first.pk, second.pk])] == [(), ()]
    assert contradictions([first], ana) == {}
    Proposal.objects.filter(pk=second.pk).update(team=first.team_id)
    assert [c.other for c in contradictions([first], ana)[first.pk]] == [second.pk]


def test_checks_contradict_nothing(propose: Any) -> None:
    first, _second = pair(propose)
    seen = rows_of([first.pk])[0].contradicts
    suggestion = first.suggestions.get()
    first.refresh_from_db()
    check = Proposal.objects.get(pk=first.pk)
    check.pk, check.idempotency_key, check.is_check = uuid7(), "check", True
    check.save(force_insert=True)
    suggestion.pk, suggestion.proposal, suggestion.action_digest = uuid7(), check, "sha256:other"
    suggestion.save(force_insert=True)

    assert (rows_of([first.pk])[0].contradicts, len(seen)) == (seen, 1)


def test_it_costs_one_query_from_an_index(propose: Any) -> None:
    for _ in range(6):
        pair(propose)
    proposals = list(Proposal.objects.all())

    found, asked = counted(lambda: contradictions(proposals))

    assert (len(found), asked) == (12, 1)
    assert statements(lambda: contradictions(proposals[:1])) == 1


def test_of_many_that_would_do_the_same_a_few_are_named(propose: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("suggestions.intake.concerns.MOST", 2)
    first, second = pair(propose)
    others = [pair(propose) for _ in range(3)]

    found = contradictions([first, second, *(one for both in others for one in both)])

    assert [one.other for one in found[first.pk]] == [second.pk, others[0][1].pk]
    assert [one.other for one in found[others[2][1].pk]] == [first.pk, others[0][0].pk]


def test_some_are_looked_at_where_very_many_are_about_the_same(propose: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("suggestions.intake.concerns.MOST", 1)
    monkeypatch.setattr("suggestions.intake.concerns.LOOK_AT", 2)
    first, second = pair(propose)
    pair(propose)
    last = Proposal.objects.order_by("pk").last()

    found = contradictions([first, last])

    assert [one.other for one in found[first.pk]] == [second.pk]
    assert [one.other for one in found[last.pk]] == [first.pk]
