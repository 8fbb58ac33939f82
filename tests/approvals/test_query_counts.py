"""Every list costs the same for one row as for twelve, with all that a row can have beside it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.attention import looks
from approvals.beside import claims, comments
from approvals.deciding import decide
from approvals.live import access
from approvals.models import Batch, BatchItem, CheckTemplate, Look, Notice, SavedView, Target
from approvals.queue.moved import moved_rows
from approvals.queue.rows import rows_of
from approvals.standing import standing as drafting
from approvals.standing.standing import Like
from approvals.telling import bell
from audit.models import Event
from execution.models import Attempt, Execution
from governance.models import Agent, Team
from governance.trust import halts
from governance.trust.standing import Bound
from suggestions.models import Proposal, Sample, SecondReview
from tests.approvals.deciding.test_decide import approve, reject
from tests.approvals.desk.test_views import browser, part, rows_in
from tests.conftest import actor_of, make_person, suggestion_body
from tests.queries import same_queries_at
from tests.sealed import follow

Propose = Callable[..., Any]
NOW = datetime.now(UTC)


def body(n: int) -> dict[str, Any]:
    """One that contradicts no other and is not the like of one that was rejected."""
    return suggestion_body(arguments={"order_id": f"#W{100 + n}", "amount": 5 + n})


@pytest.fixture
def make(propose: Propose) -> Callable[[int], Any]:
    return lambda n: propose(suggestions=[body(n)])


def html_of(client: Client, address: str, **headers: str) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return str(answer.content.decode())


def found_in(client: Client, address: str, pattern: str) -> Callable[[], int]:
    """How many different things of this pattern stand on the page."""
    return lambda: len(set(re.findall(pattern, html_of(client, address))))


def sample_of(proposal: Any, status: str, reviewer: Any = None) -> Sample:
    return Sample.objects.create(
        proposal=proposal,
        agent_id=proposal.agent_id,
        action=proposal.action,
        team_id=proposal.team_id,
        status=status,
        share=1,
        opened_at=NOW,
        deadline=NOW + timedelta(days=1),
        ended_at=None if status == "open" else NOW,
        reviewer=reviewer,
        reason="no" if status == "wrong" else "",
    )


def second_of(proposal: Any, first: Any, second: Any, **more: Any) -> SecondReview:
    return SecondReview.objects.create(
        proposal=proposal,
        team_id="operations",
        first=first,
        second=second,
        share=1,
        deadline=NOW + timedelta(days=1),
        **more,
    )


# --- The queue ----------------------------------------------------------------------------------------


def test_the_rows_of_the_queue_with_all_that_stands_beside_them(
    make: Any, policy: Any, ana: Any, ben: Any, olga: Any
) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 3}\n")
    halts.throw("action", action="refund_payment", reason="Wait.", actor=actor_of(olga))

    def add(n: int) -> None:
        proposal = make(n)
        approve(proposal, ana)
        claims.claim(proposal.pk, user=ben, actor=actor_of(ben))
        looks.look(proposal.pk, user=ben, seconds=1)
        other = Agent.objects.create(name=f"other-{n}", owner=olga)
        Proposal.objects.filter(pk=proposal.pk).update(agent=other)

    client = browser(ana)
    same_queries_at(1, 12, add, lambda: len(rows_in(html_of(client, "/queue/"))))
    assert "1 of 3" in html_of(client, "/queue/")


def test_a_filtered_queue(make: Any, policy: Any, ana: Any) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 2, decide_within: 10m}\n")
    client = browser(ana)

    def add(n: int) -> None:
        proposal = make(n)
        approve(proposal, ana)
        claims.claim(proposal.pk, user=ana, actor=actor_of(ana))

    def ask() -> int:
        queries = ("mine=1", "one_more=1", "soon=1", "risk=medium", "q=refund", "sort=age")
        [found] = {len(rows_in(html_of(client, f"/queue/?{query}", **part("queue")))) for query in queries}
        return found

    same_queries_at(1, 12, add, ask)


def test_the_rows_of_what_was_decided(make: Any, ana: Any, ben: Any) -> None:
    made: list[Any] = []

    def add(n: int) -> None:
        made.append(make(n))
        (approve if n % 2 else reject)(made[-1], ana)

    same_queries_at(1, 12, add, lambda: len(rows_of([proposal.pk for proposal in made])))


def test_saved_views(ana: Any) -> None:
    client = browser(ana)
    same_queries_at(
        1,
        12,
        lambda n: SavedView.objects.create(user=ana, name=f"View {n}", query=f"?q=word{n}"),
        found_in(client, "/queue/", r"View \d+</a>"),
    )


def test_teams_to_filter_by(dora: Any) -> None:
    Team.objects.exclude(pk="operations").delete()
    client = browser(dora)

    def add(n: int) -> None:
        if n:
            Team.objects.create(slug=f"team-{n}", name=f"Team {n}")

    same_queries_at(2, 12, add, found_in(client, "/queue/", r"\?team=[\w-]+"))


def test_what_can_be_undone(make: Any, policy: Any, ana: Any) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, grace: 5m}\n")
    client = browser(ana)
    same_queries_at(
        1,
        12,
        lambda n: approve(make(n), ana),
        found_in(client, "/queue/undoable/", r'data-undo="([\w-]+)"'),
    )


def test_what_went_to_another_team(make: Any, ana: Any, cyd: Any) -> None:
    finance = Team.objects.get(pk="finance")

    def add(n: int) -> None:
        decide.escalate(make(n).pk, to=finance, reviewer=ana, actor=actor_of(ana), reason="much")

    def ask() -> int:
        found = moved_rows(list(Event.objects.values_list("pk", flat=True)))
        assert all("escalated to Finance by Ana" in row for _, row in found)
        return len(found)

    same_queries_at(1, 12, add, ask)


def test_what_there_is_to_tell_the_pages_of_several_people(proposal: Any) -> None:
    people: list[int] = []

    def add(n: int) -> None:
        person = make_person(f"rev-{n:02}", "reviewer")
        people.append(person.pk)
        Notice.objects.create(
            user=person, kind="assigned", team_id="operations", risk=1, urgent=False, by_browser=True
        )

    def ask() -> int:
        return sum(bool(news.text) for news in bell.news_of(people, {}).values())

    same_queries_at(1, 12, add, ask)


def test_who_looks_at_what_and_who_may_go_on_looking(make: Any) -> None:
    keys: list[tuple[int, str]] = []

    def add(n: int) -> None:
        person = make_person(f"rev-{n:02}", "reviewer")
        client = browser(person)
        keys.append((person.pk, str(client.session.session_key)))
        looks.look(make(n).pk, user=person, seconds=1)

    def ask() -> int:
        assert len(looks.everybody()) == len(keys)
        return len(access.standing_of(keys))

    same_queries_at(1, 12, add, ask)


# --- One proposal ---------------------------------------------------------------------------------------


def test_notes_on_the_page_and_over_the_api(proposal: Any, ana: Any, ben: Any, api_as: Any) -> None:
    people = [ana, ben]
    client, api = browser(ana), api_as(ana)

    def add(n: int) -> None:
        author = people[n % 2]
        comments.comment(proposal.pk, author=author, actor=actor_of(author), text=f"Note {n}.")

    def ask() -> int:
        on_page = set(re.findall(r"Note \d+\.", html_of(client, f"/queue/{proposal.pk}/")))
        listed = api.get(f"proposals/{proposal.pk}/comments/").json()["comments"]
        assert on_page == {one["text"] for one in listed}
        return len(listed)

    same_queries_at(2, 12, add, ask)


@pytest.mark.parametrize("edits", [False, True])
def test_those_who_agree(propose: Propose, policy: Any, ana: Any, edits: bool) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 10, four_eyes: false}\n")
    proposal = propose()
    Proposal.objects.update(approvals_needed=20)
    client = browser(ana)

    def add(n: int) -> None:
        changed = {"arguments": {"order_id": "#W1", "amount": 10 + n}} if edits else {}
        approve(proposal, make_person(f"rev-{n:02}", "reviewer"), **changed)

    def ask() -> int:
        html = html_of(client, f"/queue/{proposal.pk}/", **part("detail"))
        return len(set(re.findall(r"Rev-\d\d", html)))

    same_queries_at(2, 12, add, ask)


def test_those_who_look_at_it(proposal: Any, ana: Any) -> None:
    client = browser(ana)

    def add(n: int) -> None:
        looks.look(proposal.pk, user=make_person(f"rev-{n:02}", "reviewer"), seconds=1)

    def ask() -> int:
        answer = client.post(f"/queue/{proposal.pk}/look/", {"seconds": "1"})
        assert "looking at this" in answer.content.decode()
        return Look.objects.exclude(user=ana).count()

    same_queries_at(1, 12, add, ask)


def test_attempts_to_carry_it_out(proposal: Any, ana: Any, olga: Any) -> None:
    approve(proposal, ana)
    step = Execution.objects.get().steps.get()

    def add(n: int) -> None:
        Attempt.objects.create(
            step=step, fence=n, number=n + 1, route=f"way-{n:02}", outcome="failed", finished_at=NOW
        )

    client = browser(olga)
    same_queries_at(1, 12, add, found_in(client, f"/queue/{proposal.pk}/", r"way-\d\d"))


# --- Afterwards -----------------------------------------------------------------------------------------


def test_what_is_to_be_checked_on_the_page_and_over_the_api(make: Any, ana: Any, api_as: Any) -> None:
    client, api = browser(ana), api_as(ana)

    def ask() -> int:
        listed = {one["proposal"] for one in api.get("samples/").json()["samples"]}
        assert set(re.findall(r"/queue/([\w-]{36})/", html_of(client, "/queue/check/"))) == listed
        return len(listed)

    same_queries_at(1, 12, lambda n: sample_of(make(n), "open"), ask)


def test_what_was_checked(make: Any, ana: Any, ben: Any, api_as: Any) -> None:
    client, api, people = browser(ana), api_as(ana), [ana, ben]

    def ask() -> int:
        listed = {one["proposal"] for one in api.get("samples/?status=wrong").json()["samples"]}
        page = html_of(client, "/queue/check/?show=answered")
        assert set(re.findall(r"/queue/([\w-]{36})/", page)) == listed
        return len(listed)

    same_queries_at(2, 12, lambda n: sample_of(make(n), "wrong", people[n % 2]), ask)


def test_what_is_asked_a_second_time(make: Any, ana: Any, ben: Any) -> None:
    def add(n: int) -> None:
        proposal = make(n)
        reject(proposal, ana)
        second_of(proposal, ana, ben)

    client = browser(ben)
    same_queries_at(1, 10, add, found_in(client, "/queue/second/", r'href="/queue/second/([\w-]{36})/'))


def test_what_was_answered_a_second_time(make: Any, ana: Any, ben: Any) -> None:
    def add(n: int) -> None:
        proposal = make(n)
        reject(proposal, ana)
        second_of(proposal, ana, ben, status="differed", verdict="approve", ended_at=NOW)

    client = browser(ben)
    address = "/queue/second/?show=answered"
    same_queries_at(1, 12, add, found_in(client, address, r'href="/queue/([\w-]{36})/'))


def test_the_history_with_edits(make: Any, ana: Any) -> None:
    def add(n: int) -> None:
        approve(make(n), ana, arguments={"order_id": f"#W{n}", "amount": 1})

    client = browser(ana)
    same_queries_at(1, 12, add, found_in(client, "/queue/history/", r"/queue/([\w-]{36})/"))


# --- Several at once --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads_all", [False, True])
def test_a_table_of_several(make: Any, ana: Any, cyd: Any, reads_all: bool) -> None:
    """Also where none of them is for this person, and each says so."""
    made: list[Any] = []
    person = ana
    if reads_all:
        person = cyd
        cyd.groups.add(Group.objects.get(name="auditor"))
    client = browser(person)

    def ask() -> int:
        html = html_of(client, "/queue/bulk/?" + "&".join(f"id={one.pk}" for one in made))
        return sum(str(one.pk) in html for one in made)

    same_queries_at(1, 12, lambda n: made.append(make(n)), ask)


def test_what_became_of_several(make: Any, ana: Any) -> None:
    batch = Batch.objects.create(pk=uuid.uuid4(), reviewer=ana, verdict="reject", said="12", reason="no")

    def add(n: int) -> None:
        proposal = make(n)
        decided = reject(proposal, ana)
        BatchItem.objects.create(
            batch=batch, proposal=proposal, position=n, outcome="done", decision=decided.decision
        )

    client = browser(ana)
    same_queries_at(1, 12, add, found_in(client, f"/queue/bulk/{batch.pk}/", r"/queue/([\w-]{36})/\""))


# --- Standing approvals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [False, True])
def test_standing_approvals(propose: Propose, ana: Any, ben: Any, api_as: Any, ended: bool) -> None:
    proposal = propose()
    approve(proposal, ana)
    proposal = Proposal.objects.get(pk=proposal.pk)
    like = Like({"order_id": Bound(any=True), "amount": Bound(any=True)})
    client, api, people = browser(ana), api_as(ana), [ana, ben]

    def add(n: int) -> None:
        by = people[n % 2]
        made = drafting.draft(proposal, like, reviewer=by, actor=actor_of(by))
        if ended:
            made.status, made.ended_by, made.ended_at = "revoked", people[n % 2], NOW
            made.save()

    def ask() -> int:
        page = html_of(client, "/governance/standing/" + ("?state=ended" if ended else ""))
        listed = api.get("standing-approvals/" + ("?status=revoked" if ended else "")).json()
        ids = {one["id"] for one in listed["standing_approvals"]}
        assert all(one in page for one in ids)
        return len(ids)

    same_queries_at(2, 12, add, ask)


# --- Telling ------------------------------------------------------------------------------------------------


def test_notices(make: Any, ana: Any) -> None:
    def add(n: int) -> None:
        Notice.objects.create(
            user=ana,
            kind="assigned",
            team_id="operations",
            risk=1,
            urgent=False,
            proposals=[make(n).pk],
            occasion=str(n),
        )

    client = browser(ana)
    same_queries_at(1, 12, add, found_in(client, "/queue/notices/", r"/queue/notices/(\d+)/"))


def test_addresses_of_a_person(ana: Any) -> None:
    def add(n: int) -> None:
        Target.objects.create(user=ana, name=f"Phone {n}.", service="Webhook", shown="x", sealed=b"")

    client = browser(ana)
    same_queries_at(1, 10, add, found_in(client, "/queue/notices/settings/", r"Phone \d+\."))


def test_following_the_log(make: Any, ana: Any, ben: Any) -> None:
    follow()
    asked = []
    for many in (1, 12):
        for n in range(many):
            make(1_000 * many + n)
        with CaptureQueriesContext(connection) as captured:
            assert follow() >= many
        asked.append(len(captured))
    assert asked[0] == asked[1]


# --- Vigilance ----------------------------------------------------------------------------------------------


def test_checks_of_several_teams(dora: Any) -> None:
    there = Team.objects.count()

    def add(n: int) -> None:
        if n >= there:
            Team.objects.create(slug=f"team-{n}", name=f"Team {n}")

    client = browser(dora)

    def ask() -> int:
        html = html_of(client, "/governance/checks/")
        return sum(bool(re.search(rf">\s*{team.name}\s*<", html)) for team in Team.objects.all())

    same_queries_at(there + 1, 12, add, ask)


def test_the_library_of_checks(agent: Any, dora: Any, olga: Any, pia: Any) -> None:
    def add(n: int) -> None:
        CheckTemplate.objects.create(
            name=f"Check {n}.", agent=agent, kind="bad", why="no", body={}, made_by=[olga, pia][n % 2]
        )

    client = browser(dora)
    same_queries_at(2, 12, add, found_in(client, "/governance/checks/", r"Check \d+\."))


def test_what_two_people_decided_differently(make: Any, ana: Any, ben: Any, dora: Any) -> None:
    def add(n: int) -> None:
        proposal = make(n)
        reject(proposal, ana)
        second_of(proposal, ana, ben, status="differed", verdict="approve", ended_at=NOW)

    client = browser(dora)
    same_queries_at(1, 12, add, found_in(client, "/governance/checks/", r"/queue/([\w-]{36})/"))
