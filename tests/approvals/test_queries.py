from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import queries
from approvals.queries import Filters, Position
from approvals.rows import rows_of
from audit.refusals import Invalid
from suggestions.models import Proposal
from tests.conftest import actor_of, owner_connection, suggestion_body

ALL = Filters()


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
        page = queries.page(teams, filters, after=after, size=size)
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
    from approvals import decide

    gone = next(p for p in many if p.team_id == "operations")
    decide.reject(gone.pk, reviewer=ana, actor=actor_of(ana), reason="no")

    assert walk(TEAMS) == [p.pk for p in many if p != gone]


def test_a_page_that_moves_on_neither_repeats_nor_skips(many: list[Any], propose: Any) -> None:
    first = queries.page(TEAMS, ALL, size=10)
    urgent = propose()
    Proposal.objects.filter(pk=urgent.pk).update(priority=99)

    rest = queries.page(TEAMS, ALL, after=first.next, size=50)

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
    monkeypatch.setattr(queries, "LOOK_AT", 4)
    last = many[-1]
    Proposal.objects.filter(pk=last.pk).update(title="needle")

    first = queries.page(TEAMS, Filters(q="needle"))

    assert first.ids == []
    assert first.next is not None
    assert walk(TEAMS, Filters(q="needle")) == [last.pk]
    assert walk(TEAMS, Filters(q="kettle")) == [p.pk for p in many if p != last]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "a|b|c", "\u2603", "NXx8", "MTB8bm9wZXxub3Bl"])
def test_a_cursor_of_nonsense_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        Position.read(cursor)


def test_counts_stop_at_a_thousand(many: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert queries.waiting(TEAMS).count_of(["finance"]) == "11"
    assert queries.waiting(TEAMS).count_of(TEAMS) == "23"

    monkeypatch.setattr(queries, "COUNT_TO", 10)

    assert queries.waiting(TEAMS).count_of(["finance"]) == "10+"


def test_rows_cost_the_same_queries_for_one_and_twelve(many: list[Any]) -> None:
    def asked(n: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(rows_of([p.pk for p in many[:n]])) == n
        return len(captured)

    assert asked(1) == asked(12) == 1


def test_a_row_sorts_in_text_as_the_queue_does(many: list[Any]) -> None:
    keys = [row.sort for row in rows_of([p.pk for p in many])]
    assert keys == sorted(keys)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("filters", [ALL, Filters(q="parrot")])
def test_a_page_is_read_from_the_index_of_open_proposals(proposal: Any, filters: Filters) -> None:
    copy_many(proposal, 20_000)

    plan = json.dumps(queries.explain(TEAMS, filters))

    assert '"Index Name": "proposal_open_by_team"' in plan
    assert "Seq Scan" not in plan


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
    from approvals import decide

    seen = [queries.version()]
    proposal = propose()
    seen.append(queries.version())
    decide.reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="no")
    seen.append(queries.version())

    assert len(set(seen)) == 3
    assert queries.version() == seen[-1]


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
    before = queries.version()
    go_on.set()
    thread.join()

    assert queries.version() != before


# --- Several teams that have to agree -------------------------------------------------------------


def test_a_proposal_for_two_teams_waits_once_in_the_queue_of_each(many: list[Any]) -> None:
    both = many[::4]
    for proposal in both:
        proposal.also_teams = [{"operations": "finance", "finance": "operations"}[proposal.team_id]]
        proposal.save(update_fields=["also_teams"])

    assert walk(TEAMS) == [p.pk for p in many]
    assert walk(TEAMS, Filters(risk="medium")) == [p.pk for p in many]
    assert walk(["finance"]) == [p.pk for p in many if p in both or p.team_id == "finance"]
    assert queries.waiting(["finance"]).teams["finance"] == len(walk(["finance"]))


def test_whoever_sees_one_of_the_teams_sees_the_proposal(proposal: Any, cyd: Any) -> None:
    assert proposal not in Proposal.objects.visible_to(cyd)
    Proposal.objects.update(also_teams=["finance"])
    assert proposal in Proposal.objects.visible_to(cyd)
