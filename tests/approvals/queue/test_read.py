from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from approvals.beside import claims
from approvals.deciding import decide
from approvals.models import Claim, Decision
from approvals.queue import read
from approvals.queue.read import Filters, Position
from approvals.queue.rows import Row, rows_of
from audit.ground.refusals import Invalid
from suggestions.models import Proposal
from tests.approvals.conftest import TWO_PEOPLE
from tests.conftest import actor_of, suggestion_body
from tests.database import owner_connection
from tests.queries import statements

ALL = Filters()
DAY = timedelta(days=1)


@pytest.fixture
def many(propose: Callable[..., Any], cyd: Any) -> list[Any]:
    """23 open proposals of two teams, of three priorities, several with the same deadline."""
    made = [propose() for _ in range(23)]
    for n, proposal in enumerate(made):
        proposal.priority = (50, 90, 10)[n % 3]
        proposal.team_id = ("operations", "finance")[n % 2]
        proposal.deadline = made[0].deadline + timedelta(minutes=n % 4)
        proposal.save(update_fields=["priority", "team", "deadline"])
    return list(Proposal.objects.order_by("queue_order", "deadline", "id"))


TEAMS = ["operations", "finance"]


def walk(teams: list[str], filters: Filters = ALL, size: int = 5) -> list[Any]:
    found, after = [], None
    for _ in range(100):
        page = read.page(teams, filters, after=after, size=size)
        found += page.ids
        after = page.next and Position.read(page.next.as_cursor())
        if after is None:
            return found
    raise AssertionError("The pages never end.")


def test_the_pages_hold_every_open_proposal_once_and_in_order(many: list[Any]) -> None:
    assert walk(TEAMS) == [p.pk for p in many]


def test_a_team_sees_its_own(many: list[Any]) -> None:
    assert walk(["finance"]) == [p.pk for p in many if p.team_id == "finance"]
    assert walk([]) == []


def test_what_is_decided_leaves_the_queue(many: list[Any], ana: Any) -> None:
    gone = next(p for p in many if p.team_id == "operations")
    decide.reject(gone.pk, reviewer=ana, actor=actor_of(ana), reason="no")

    assert walk(TEAMS) == [p.pk for p in many if p != gone]


def test_a_page_that_moves_on_neither_repeats_nor_skips(many: list[Any], propose: Any) -> None:
    first = read.page(TEAMS, ALL, size=10)
    urgent = propose()
    Proposal.objects.filter(pk=urgent.pk).update(priority=99)

    rest = read.page(TEAMS, ALL, after=first.next, size=50)

    assert first.ids + rest.ids == [p.pk for p in many]


def test_filters_find_what_they_name(many: list[Any], propose: Any, action_type: Any) -> None:
    odd = propose(
        title="A parrot in the mail",
        suggestions=[suggestion_body(risk={"level": "critical"}, arguments={"order_id": "#X9", "amount": 1})],
    )

    assert walk(TEAMS, Filters(risk="critical")) == [odd.pk]
    assert walk(TEAMS, Filters(q="PARROT")) == [odd.pk]
    assert walk(TEAMS, Filters(q="#x9")) == [odd.pk]
    assert walk(TEAMS, Filters(q="100%_")) == []
    assert set(walk(TEAMS, Filters(agent="support-bot"))) == {*[p.pk for p in many], odd.pk}
    assert len(walk(TEAMS, Filters(action="refund_payment"))) == 24
    assert len(walk(TEAMS, Filters(team="finance"))) == 11


@pytest.mark.parametrize(
    "filters",
    [Filters(team="nobody"), Filters(agent="nobody"), Filters(action="nothing"), Filters(risk="purple")],
)
def test_a_value_that_means_nothing_finds_nothing(many: list[Any], filters: Filters) -> None:
    assert walk(TEAMS, filters) == []


def test_a_rare_find_is_reached_in_bounded_steps(many: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "LOOK_AT", 4)
    monkeypatch.setattr(read, "LOOK_FOR_WORDS_IN", 4)
    rare = many[-3:]
    Proposal.objects.filter(pk__in=[p.pk for p in many[-6:]]).update(title="needle")

    first = read.page(TEAMS, Filters(q="needle"))

    assert first.ids == []  # too many for the index of words, too few among the first
    assert first.next is not None
    assert walk(TEAMS, Filters(q="needle")) == [p.pk for p in many[-6:]]
    assert walk(TEAMS, Filters(q="kettle")) == [p.pk for p in many[:-6]]

    Proposal.objects.filter(pk__in=[p.pk for p in rare]).update(title="parrot")
    at_once = read.page(TEAMS, Filters(q="parrot"))
    assert (at_once.ids, at_once.next, at_once.size) == ([p.pk for p in rare], None, 3)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "a|b|c", "\u2603", "NXx8", "MTB8bm9wZXxub3Bl"])
def test_a_cursor_of_nonsense_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        Position.read(cursor)


def test_counts_stop_at_a_thousand(many: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert read.waiting(TEAMS).count_of(["finance"]) == "11"
    assert read.waiting(TEAMS).count_of(TEAMS) == "23"

    monkeypatch.setattr(read, "COUNT_TO", 10)

    assert read.waiting(TEAMS).count_of(["finance"]) == "10+"


def test_rows_cost_the_same_queries_for_one_and_twelve(many: list[Any]) -> None:
    def asked(n: int) -> int:
        return statements(lambda: rows_of([p.pk for p in many[:n]]))

    Proposal.objects.update(approvals_needed=2)
    assert len(rows_of([p.pk for p in many[:12]])) == 12
    assert asked(1) == asked(12) == 2  # the second for others of the same concern


def said_by(row: Row, name: str) -> str:
    told = re.search(rf'data-{name}="([^"]+)"', row.html)
    assert told
    return told[1]


def test_a_row_sorts_in_text_as_the_queue_does(many: list[Any]) -> None:
    on_the_second = many[7].created_at.replace(microsecond=0)  # which is told without a fraction
    Proposal.objects.filter(pk=many[7].pk).update(created_at=on_the_second, deadline=on_the_second + DAY)
    Proposal.objects.filter(pk=many[8].pk).update(deadline=on_the_second + DAY + timedelta(microseconds=1))
    for sort, places in {"": ("order", "due"), "deadline": ("due",), "age": ("made",)}.items():
        rows = rows_of(walk(TEAMS, Filters(sort=sort)))
        keys = ["|".join([*(said_by(row, place) for place in places), row.id]) for row in rows]
        assert keys == sorted(keys)
        assert len(keys) == len(many)


INDEX_OF = {
    "": "proposal_open_by_team",
    "deadline": "proposal_open_by_team_deadline",
    "age": "proposal_open_by_team_age",
}


def read_whole(plan: str) -> bool:
    """Are all proposals looked at? Of a table that is empty PostgreSQL reads all, as its statistics say."""
    return bool(re.search(r'"Seq Scan"[^{}]*"Relation Name": "suggestions_proposal"', plan))


@pytest.mark.django_db(transaction=True)
def test_every_page_is_read_from_an_index_of_open_proposals(proposal: Any, ana: Any) -> None:
    copy_many(proposal, 20_000)
    asked = {
        "": ALL,
        "a common word": Filters(q="kettle"),
        "a rare word": Filters(q="parrot"),
        "a rare risk": Filters(risk="critical"),
        "one more": Filters(one_more="1"),
    }

    for what, filters in asked.items():
        for sort, index in INDEX_OF.items():
            plans = [json.dumps(plan) for plan in read.explain(TEAMS, replace(filters, sort=sort))]
            assert f'"Index Name": "{index}"' in plans[0], (what, sort)
            assert not any(map(read_whole, plans)), (what, sort)
            if len(plans) > 1:  # the first proposals had too few of it
                assert '"Index Name": "proposal_open_by_words"' in plans[1], (what, sort)
    [soon] = [json.dumps(plan) for plan in read.explain(TEAMS, Filters(soon="1"))]
    assert not read_whole(soon)
    # Tables that are empty here grow, too: each has an index that answers.
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL enable_seqscan = off")
        for filters in asked.values():
            assert "Seq Scan" not in json.dumps(list(read.explain(TEAMS, filters))), filters


def copy_many(proposal: Any, n: int) -> None:
    """As many more like this one, straight into the table."""
    fields = [f.column for f in Proposal._meta.concrete_fields if not f.generated]
    other = {
        "id": "gen_random_uuid()",
        "idempotency_key": "gen_random_uuid()::text",
        "priority": "n %% 100",
        "deadline": "deadline + make_interval(secs => n %% 1000)",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO suggestions_proposal ({', '.join(fields)})"
            f" SELECT {', '.join(other.get(f, f) for f in fields)}"
            f"   FROM suggestions_proposal, generate_series(1, %s) n WHERE id = %s",
            [n, proposal.pk],
        )
    with owner_connection() as owner:
        owner.execute("ANALYZE suggestions_proposal")


def test_the_version_changes_with_every_change(propose: Any, ana: Any) -> None:
    seen = [read.version()]
    proposal = propose()
    seen.append(read.version())
    decide.reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="no")
    seen.append(read.version())

    assert len(set(seen)) == 3
    assert read.version() == seen[-1]


@pytest.mark.django_db(transaction=True)
def test_the_version_notices_what_commits_late(propose: Any) -> None:
    """An event takes its number before its transaction commits."""
    import threading

    from django.db import transaction

    written, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            propose()
            written.set()
            go_on.wait(20)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    written.wait(20)
    propose()
    before = read.version()
    go_on.set()
    thread.join()

    assert read.version() != before


# --- Orders, marks and words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "key"),
    [("deadline", lambda p: (p.deadline, p.pk)), ("age", lambda p: (p.created_at, p.pk))],
)
def test_other_orders_have_pages_of_their_own(many: list[Any], sort: str, key: Any) -> None:
    expected = [p.pk for p in sorted(many, key=key)]

    assert walk(TEAMS, Filters(sort=sort)) == expected
    assert walk(TEAMS, Filters(sort=sort, risk="medium")) == expected
    assert walk(TEAMS, Filters(sort=sort, q="kettle")) == expected


def test_what_follows_goes_by_the_order_and_the_filters(many: list[Any], ana: Any) -> None:
    by_age = sorted(many, key=lambda p: (p.created_at, p.pk))

    def next_of(proposal: Any, **filters: str) -> Any:
        return read.following(proposal, TEAMS, Filters(**filters), reviewer=ana)

    assert next_of(by_age[3], sort="age") == by_age[4].pk
    assert next_of(by_age[-1], sort="age") == by_age[0].pk
    assert next_of(many[3]) == many[4].pk


def test_mine_is_what_i_have_claimed_or_was_given(many: list[Any], ana: Any, ben: Any) -> None:
    ours = [p for p in many if p.team_id == "operations"]
    claims.claim(ours[0].pk, user=ana, actor=actor_of(ana))
    claims.assign(ours[5].pk, to=ana, by=ben, actor=actor_of(ben))
    claims.claim(ours[1].pk, user=ben, actor=actor_of(ben))
    claims.claim(ours[2].pk, user=ana, actor=actor_of(ana))
    Claim.objects.filter(proposal=ours[2]).update(until=timezone.now())
    mine = Filters(mine="1")

    found = read.page(TEAMS, mine, me=ana.pk)

    assert (found.ids, found.size) == ([ours[0].pk, ours[5].pk], 2)
    assert read.page(TEAMS, replace(mine, q="parrot"), me=ana.pk).ids == []
    assert read.page(["finance"], mine, me=ana.pk).ids == []


def test_due_soon_is_within_a_quarter_of_an_hour(many: list[Any]) -> None:
    soon = many[7]
    Proposal.objects.filter(pk=soon.pk).update(deadline=timezone.now() + timedelta(minutes=14))

    assert walk(TEAMS, Filters(soon="1")) == [soon.pk]


def test_waits_for_one_more_counts_who_agrees_on_the_same(
    propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy(TWO_PEOPLE)
    other = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 5})
    waiting, untouched, disagreed = (propose(suggestions=[suggestion_body(), other]) for _ in range(3))
    only = Filters(one_more="1")
    assert walk(["operations"], only) == []

    approve(waiting, ana)
    approve(disagreed, ana)
    approve(disagreed, ben, rank=2)

    assert walk(["operations"], only) == [waiting.pk, disagreed.pk]
    Proposal.objects.filter(pk=waiting.pk).update(approvals_needed=3)
    assert walk(["operations"], only) == [disagreed.pk]
    # Whoever edited it does not count where four eyes are asked for.
    Decision.objects.filter(proposal=disagreed, reviewer=ana).update(arguments={"amount": 1})
    assert walk(["operations"], only) == [disagreed.pk]
    Decision.objects.filter(proposal=disagreed, reviewer=ben).update(standing=False)
    assert walk(["operations"], only) == []
    assert untouched.pk not in walk(["operations"], only)


def approve(proposal: Any, user: Any, rank: int = 1) -> None:
    suggestion = proposal.suggestions.select_related("action_type").get(rank=rank)
    decide.approve(suggestion, reviewer=user, actor=actor_of(user), shown_digest=suggestion.action_digest)


@pytest.mark.parametrize(
    "q",
    [
        "kett",
        "BROKEN kett",
        "#w1",
        "54.04",
        "54.0",
        "refund_pay",
        "customer-191",
        "19122",
        "support-b",
        "bot refund",
    ],
)
def test_a_search_finds_the_beginnings_of_words(proposal: Any, q: str) -> None:
    assert walk(["operations"], Filters(q=q)) == [proposal.pk]


@pytest.mark.parametrize(
    "q",
    [
        "ettle",
        "54.4",
        "kettle parrot",
        "team=operations",
        "several",
        "' | 'one='",
        "one",
        "=one",
        "team",
        "\\",
        "%",
        "()&|!:*",
        "☃",
    ],
)
def test_a_search_finds_nothing_else(proposal: Any, q: str) -> None:
    assert walk(["operations"], Filters(q=q)) == []


def test_a_search_for_an_id_finds_it_open_or_not(propose: Any, ana: Any) -> None:
    proposal, _other = propose(), propose()
    assert walk(["operations"], Filters(q=str(proposal.pk).upper())) == [proposal.pk]
    decide.reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="no")

    assert walk(["operations"], Filters(q=f" {proposal.pk} ")) == [proposal.pk]
    assert walk(["finance"], Filters(q=str(proposal.pk))) == []


# --- Several teams that have to agree -------------------------------------------------------------


def test_a_proposal_for_two_teams_waits_once_in_the_queue_of_each(many: list[Any]) -> None:
    both = many[::4]
    for proposal in both:
        proposal.also_teams = [{"operations": "finance", "finance": "operations"}[proposal.team_id]]
        proposal.save(update_fields=["also_teams"])

    assert walk(TEAMS) == [p.pk for p in many]
    assert walk(TEAMS, Filters(risk="medium")) == [p.pk for p in many]
    assert walk(["finance"]) == [p.pk for p in many if p in both or p.team_id == "finance"]
    assert read.waiting(["finance"]).teams["finance"] == len(walk(["finance"]))


def test_whoever_sees_one_of_the_teams_sees_the_proposal(proposal: Any, cyd: Any) -> None:
    assert proposal not in Proposal.objects.visible_to(cyd)
    Proposal.objects.update(also_teams=["finance"])
    assert proposal in Proposal.objects.visible_to(cyd)
