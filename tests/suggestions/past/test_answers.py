"""What policies learn of the past, exactly, and at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.statements.prepared import execute
from governance.expressions.past import STATUSES, Question
from suggestions.models import Correction, Proposal, Settled, Subtotal, Suggestion
from suggestions.past import answers as history
from suggestions.past import rollups
from suggestions.past.answers import Past
from suggestions.past.locks import one_at_a_time
from tests import conftest
from tests.conftest import ApiClient, actor_of, proposal_body, suggestion_body
from tests.database import owner_connection

NONE = {"type": "customer", "id": "nobody"}


def amounts(*numbers: float, **changes: Any) -> dict[str, Any]:
    """A proposal with a suggestion for each amount."""
    return {
        "suggestions": [
            suggestion_body(rank=rank, arguments={"order_id": f"#W{rank}", "amount": number})
            for rank, number in enumerate(numbers, start=1)
        ],
        **changes,
    }


def in_force(*rules: str) -> Any:
    """`in_force("CEL", "{verdict: block}", …)`: a policy of these rules."""
    lines = ["version: 1", "rules:"]
    for number, (when, then) in enumerate(zip(rules[::2], rules[1::2], strict=True)):
        lines += [f"  - name: rule-{number}", f"    when: '{when}'", f"    then: {then}"]
    return conftest.in_force("\n".join(lines) + "\n")


def move_back(proposal: Any, **span: float) -> None:
    Proposal.objects.filter(pk=proposal.pk).update(created_at=timezone.now() - timedelta(**span))


# --- Questions from Python ------------------------------------------------------------------


def test_proposals_of_the_window_are_counted_by_status_and_action(propose: Any, agent: Any, ana: Any) -> None:
    from approvals.deciding.decide import reject

    propose()
    move_back(propose(), hours=2)
    reject(propose().pk, reviewer=ana, actor=actor_of(ana), reason="no")
    past = Past(agent.pk)

    assert past.count("1h") == 2
    assert past.count("3h") == 3
    assert past.count("3h", statuses=["rejected"]) == 1
    assert past.count("3h", action="refund_payment") == 3
    assert past.count("3h", action="send_money") == 0


def test_of_an_open_proposal_the_greatest_suggestion_counts_and_of_an_approved_one_the_edit(
    propose: Any, agent: Any, ana: Any
) -> None:
    from approvals.deciding.decide import approve

    proposal = propose(**amounts(10.1, 20.2, 15))
    past = Past(agent.pk)
    assert past.sum_of("amount", "1h") == Decimal("20.2")

    suggestion = proposal.suggestions.get(rank=3)
    approve(
        suggestion,
        reviewer=ana,
        actor=actor_of(ana),
        shown_digest=suggestion.action_digest,
        arguments={"order_id": "#W3", "amount": 12.5},
    )

    assert past.sum_of("amount", "1h") == Decimal("12.5")
    assert past.find(Question("max", "agent", "1h", argument="amount", statuses=("approved",))) == Decimal(
        "12.5"
    )


def test_sums_are_exact_and_nothing_below_zero_makes_room(propose: Any, agent: Any, action_type: Any) -> None:
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register
    from tests.conftest import REFUND

    schema = {"type": "object", "properties": {"amount": {"type": "number"}}}
    register({**REFUND, "name": "book", "schema": schema, "template": ""}, actor=SYSTEM)
    for amount in [0.1] * 10 + [-5000]:
        propose(suggestions=[suggestion_body(action="book", arguments={"amount": amount})])
    propose()

    assert Past(agent.pk).sum_of("amount", "1h", action="book") == 1
    assert Past(agent.pk).sum_of("amount", "1h") == Decimal("55.04")


def test_suggestions_of_several_actions_count_under_each(propose: Any, agent: Any, action_type: Any) -> None:
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register
    from tests.conftest import REFUND

    register({**REFUND, "name": "give_voucher"}, actor=SYSTEM)
    voucher = suggestion_body(rank=2, action="give_voucher", arguments={"order_id": "#W1", "amount": 80})
    propose(suggestions=[suggestion_body(), voucher])
    past = Past(agent.pk)

    assert [past.count("1h", action=name) for name in ("refund_payment", "give_voucher", "x")] == [1, 1, 0]
    assert past.sum_of("amount", "1h", action="refund_payment") == Decimal("54.04")
    assert past.sum_of("amount", "1h", action="give_voucher") == 80
    assert past.sum_of("amount", "1h") == 80


def test_a_subject_has_a_past_across_agents_and_a_proposal_without_one_has_none(
    propose: Any, agent: Any, olga: Any
) -> None:
    from governance.models import Agent

    other = Agent.objects.create(name="sales-bot", owner=olga)
    propose(by=other)
    proposal = propose()
    propose(subject=None)

    assert Past.of(proposal).count("1h", of="subject") == 2
    with pytest.raises(history.NotAnswered, match="names no subject"):
        Past(agent.pk).count("1h", of="subject")


def test_the_key_of_a_subject_is_the_same_here_and_in_the_database(propose: Any) -> None:
    proposal = propose(subject={"type": "Kundin", "id": "Zoë 🦆"})

    assert history.subject_key("Kundin", "Zoë 🦆") == Proposal.objects.get(pk=proposal.pk).subject_key


def test_the_past_can_be_asked_as_it_was(propose: Any, agent: Any, ana: Any) -> None:
    from approvals.deciding.decide import reject

    first, second = propose(), propose()
    move_back(first, hours=2)
    move_back(second, hours=1)
    reject(first.pk, reviewer=ana, actor=actor_of(ana), reason="no")
    then = Past(agent.pk, at=Proposal.objects.get(pk=second.pk).created_at)

    assert then.count("3h") == 1
    assert then.count("3h", statuses=["pending"]) == 1
    assert then.count("3h", statuses=["rejected"]) == 0
    assert then.count("30m") == 0


def test_what_was_approved_has_been_seen_and_what_was_only_asked_for_has_not(
    propose: Any, agent: Any, ana: Any
) -> None:
    from approvals.deciding.decide import approve

    proposal = propose()
    asked = Question("seen", "agent", "90d", argument="order_id", value="#W1")
    assert Past(agent.pk).find(asked) is False

    suggestion = proposal.suggestions.get()
    approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest)

    assert Past(agent.pk).find(asked) is True
    assert (
        Past.of(proposal).find(Question("seen", "subject", "90d", argument="order_id", value="#W1")) is True
    )
    assert Past.of(proposal).find(Question("seen", "agent", "90d", argument="amount", value=54.04)) is True
    assert Past(agent.pk).find(Question("seen", "agent", "90d", argument="note", value="#W1")) is False
    assert Past(agent.pk, at=proposal.created_at).find(asked) is False


def test_the_statuses_of_questions_are_those_of_proposals() -> None:
    assert list(STATUSES) == Proposal.Status.values


def test_numbers_that_no_action_needs_are_refused(api: ApiClient, action_type: Any) -> None:
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register
    from tests.conftest import REFUND

    register({**REFUND, "name": "open", "schema": {"type": "object"}, "template": ""}, actor=SYSTEM)
    arguments = {f"number-{n:04}": n for n in range(300)}
    answer = api.submit(proposal_body(suggestions=[suggestion_body(action="open", arguments=arguments)]))

    assert answer.status_code == 422
    assert "too many numbers" in answer.json()["errors"][0]["detail"]


# --- Questions from policies ----------------------------------------------------------------


def test_a_rule_asks_of_the_past_and_the_verdict_keeps_the_answer(propose: Any) -> None:
    in_force(
        'history.agent.count("1h") >= 2', "{verdict: block}",
        'history.subject.sum("amount", "24h", {"status": ["pending", "approved"]}) > 999', "{approvals: 3}",
        'args.amount > 5000.0 && history.agent.max("amount", "30d") < 1.0', "{approvals: 4}",
    )  # fmt: skip

    proposals = [propose() for _ in range(3)]

    assert [p.verdict["verdict"] for p in proposals] == ["review", "review", "block"]
    assert proposals[2].verdict["facts"] == {
        'history.agent.count("1h")': 2,
        'history.subject.sum("amount", "24h", {"status": ["pending", "approved"]})': 108.08,
    }


def test_a_rule_that_asks_what_cannot_be_answered_fails_closed(propose: Any) -> None:
    in_force(
        'history.subject.count("1h") < 100', "{verdict: auto_approve}",
        'history.agent.count(args.order_id) < 100', "{verdict: auto_approve}",
    )  # fmt: skip

    verdict = propose(subject=None).verdict

    assert verdict["verdict"] == "review"
    assert verdict["notes"] == [
        "The rule rule-0 could not be evaluated: the proposal names no subject",
        "The rule rule-1 could not be evaluated: '#W1' is not a span of time; "
        "write one as 500ms, 10s, 30m, 4h or 7d",
    ]


def test_each_distinct_question_is_asked_once_and_only_where_a_rule_needs_it(
    propose: Any, django_assert_num_queries: Any, monkeypatch: Any
) -> None:
    asked: list[str] = []
    find = Past.find
    monkeypatch.setattr(Past, "find", lambda self, q: asked.append(str(q)) or find(self, q))
    in_force(
        'action.name == "send_money" && history.agent.count("2h") > 3', "{approvals: 2}",
        'history.agent.count("1h") > 3', "{approvals: 2}",
        'history.agent.count("1h") > 4 || args.nothing == 1', "{approvals: 3}",
    )  # fmt: skip

    propose(**amounts(1, 2, 3))

    assert asked == ['history.agent.count("1h")']


def test_questions_about_one_proposal_are_bounded(propose: Any) -> None:
    questions = [f'history.agent.count("{minutes}m") > 100' for minutes in range(1, 60)]
    in_force(" || ".join(questions), "{approvals: 2}")

    [note] = propose().verdict["notes"]

    assert "at most 50 questions" in note


def test_an_edit_is_judged_by_the_past_without_what_is_edited(propose: Any, ana: Any) -> None:
    from approvals.deciding.decide import approve
    from approvals.deciding.edits import EditBlocked

    propose(**amounts(60))
    proposal = propose(**amounts(30))
    in_force('double(args.amount) + history.agent.sum("amount", "1d") > 100.0', "{verdict: block}")
    suggestion = proposal.suggestions.get()
    how = {"reviewer": ana, "actor": actor_of(ana), "shown_digest": suggestion.action_digest}

    with pytest.raises(EditBlocked):
        approve(suggestion, arguments={"order_id": "#W1", "amount": 40.5}, **how)
    approve(suggestion, arguments={"order_id": "#W1", "amount": 40}, **how)

    assert Proposal.objects.get(pk=proposal.pk).numbers == {"": "refund_payment", "amount": 40}


# --- One at a time --------------------------------------------------------------------------


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Run it in so many threads, all at the same moment."""
    together = threading.Barrier(number)

    def one(index: int) -> Any:
        together.wait()
        try:
            return work(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


@pytest.mark.django_db(transaction=True)
def test_at_most_ten_an_hour_are_let_through_of_thirty_two_at_once(api: ApiClient, action_type: Any) -> None:
    in_force('history.agent.count("1h", {"status": ["pending", "approved"]}) >= 10', "{verdict: block}")

    answers = at_once(32, lambda _: api.submit().json()["status"])

    assert sorted(answers) == ["blocked"] * 22 + ["pending"] * 10


@pytest.mark.django_db(transaction=True)
def test_a_sum_about_a_subject_holds_across_agents_and_batches(
    api: ApiClient, action_type: Any, olga: Any
) -> None:
    from audit.ground.actors import SYSTEM
    from governance.door.keys import issue_key
    from governance.models import Agent

    issued = issue_key(Agent.objects.create(name="sales-bot", owner=olga), actor=SYSTEM)
    other = ApiClient(issued if isinstance(issued, str) else issued[1])
    in_force(
        'double(args.amount) + history.subject.sum("amount", "1d", {"status": "pending"}) > 1000.0',
        "{verdict: block}",
    )
    subjects = [{"type": "customer", "id": name} for name in ("a", "b", "c")]

    def batch(index: int) -> None:
        turned = subjects[index % 3 :] + subjects[: index % 3]
        items = [
            {**proposal_body(subject=s), **amounts(90), "idempotency_key": f"{index}-{s['id']}-{n}"}
            for s in turned
            for n in range(2)
        ]
        answer = (api, other)[index % 2].post("proposals/batch/", {"proposals": items})
        assert answer.status_code == 201, answer.content

    at_once(8, batch)

    for subject in subjects:
        mine = Proposal.objects.filter(subject_id=subject["id"])
        assert mine.filter(status="pending").count() == 11
        assert mine.filter(status="blocked").count() == 5


@pytest.mark.django_db(transaction=True)
def test_in_a_batch_the_earlier_items_count_for_the_later_ones_and_repeats_do_not(
    api: ApiClient, action_type: Any
) -> None:
    in_force(
        'args.amount < 50.0 && history.agent.count("1h") >= 3', "{verdict: block}",
    )  # fmt: skip
    items = [
        {**proposal_body(), **amounts(a), "idempotency_key": f"k{n}"}
        for n, a in enumerate([60, 40, 40, 40, 40])
    ]
    api.post("proposals/batch/", {"proposals": items[:2]})

    answer = api.post("proposals/batch/", {"proposals": items})

    statuses = [r["proposal"]["status"] for r in answer.json()["results"]]
    assert statuses == ["pending", "pending", "pending", "blocked", "blocked"]
    assert Proposal.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_who_asks_nothing_of_the_past_waits_for_nobody(api: ApiClient, agent: Any, action_type: Any) -> None:
    in_force('args.amount > 100.0 && history.agent.count("1h") >= 3', "{verdict: block}")

    def submit() -> list[Any]:
        with ThreadPoolExecutor(1) as pool:
            return [pool.submit(lambda: (api.submit(), connection.close())[0]).result(timeout=5).status_code]

    with one_at_a_time(agent.pk, []) as turn:
        turn.take()
        assert submit() == [201]


@pytest.mark.django_db(transaction=True)
def test_a_turn_that_does_not_come_changes_nothing(api: ApiClient, agent: Any, action_type: Any) -> None:
    in_force('history.agent.count("1h") >= 3', "{verdict: auto_approve}")

    def submit() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        try:
            return api.submit()
        finally:
            connection.close()

    with one_at_a_time(agent.pk, []) as turn, ThreadPoolExecutor(1) as pool:
        turn.take()
        answer = pool.submit(submit).result()

    assert answer.status_code == 503
    assert Proposal.objects.count() == 0


# --- Sums -----------------------------------------------------------------------------------


def questions(past: Past) -> list[Any]:
    """Many questions, over windows that begin and end anywhere."""
    return [
        past.find(Question(kind, "agent", window, argument=argument, action=action, statuses=statuses))
        for kind, argument in (("count", ""), ("sum", "amount"), ("max", "amount"))
        for window in ("4m", "50m", "5h", "30h", "9d", "90d")
        for action in ("", "refund_payment", "give_voucher")
        for statuses in (("approved",), ("rejected",), ("approved", "rejected", "pending"), ())
        if kind != "max" or "pending" not in (statuses or ("pending",))
    ]


@pytest.mark.django_db(transaction=True)
def test_sums_of_the_past_say_what_the_rows_say(propose: Any, agent: Any, ana: Any) -> None:
    from approvals.deciding.decide import approve, reject
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register

    schema = {"type": "object", "properties": {"amount": {"type": "number"}}}
    register({**conftest.REFUND, "name": "give_voucher", "schema": schema, "template": ""}, actor=SYSTEM)
    rollups.ask_for([agent.pk], of_subject=False)
    chance = random.Random(7)
    open_ones = []
    for number in range(60):
        action = chance.choice(["refund_payment", "give_voucher"])
        amount = round(chance.uniform(1 if action == "refund_payment" else -50, 100), 2)
        second = suggestion_body(rank=2, action="refund_payment", arguments={"order_id": "#2", "amount": 7})
        first = suggestion_body(action=action, arguments={"order_id": "#1", "amount": amount})
        proposal = propose(suggestions=[first, second] if number % 3 else [first])
        move_back(
            proposal, seconds=chance.choice([1, 200, 4_000, 90_000, 700_000, 7_000_000]) * chance.random()
        )
        open_ones.append(proposal.pk)

    def decide(some: list[Any]) -> None:
        for number, pk in enumerate(some):
            suggestion = Suggestion.objects.filter(proposal=pk).order_by("-rank")[0]
            if number % 3:
                approve(
                    suggestion,
                    reviewer=ana,
                    actor=actor_of(ana),
                    shown_digest=suggestion.action_digest,
                    arguments={"order_id": "#1", "amount": 3.5} if number % 2 else None,
                )
            else:
                reject(pk, reviewer=ana, actor=actor_of(ana), reason="no")

    decide(open_ones[:15])
    same_from_rows_alone(agent)
    rollups.settle()
    decide(open_ones[15:45])  # corrections that wait
    same_from_rows_alone(agent)
    rollups.settle()  # corrections that are added
    decide(open_ones[45:50])
    same_from_rows_alone(agent)
    assert Subtotal.objects.exists()


def same_from_rows_alone(agent: Any) -> None:
    """Ask everything with the sums, and again without: rolled back, so that they are still there."""
    with transaction.atomic():
        summed = questions(Past(agent.pk))
        assert Settled.objects.get(key=agent.pk).until < timezone.now()
        Settled.objects.all().delete()
        Subtotal.objects.all().delete()
        Correction.objects.all().delete()
        assert summed == questions(Past(agent.pk))
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_what_is_under_way_is_not_passed_over_when_the_past_is_added_up(
    propose: Any, agent: Any, ana: Any
) -> None:
    from approvals.deciding.decide import reject

    rollups.ask_for([agent.pk], of_subject=False)
    proposal = propose()
    move_back(proposal, hours=1)
    changed, may_commit, settled = threading.Event(), threading.Event(), threading.Event()

    def decide() -> None:
        with transaction.atomic():
            reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="no")
            changed.set()
            may_commit.wait(10)
        connection.close()

    def add_up() -> None:
        rollups.settle()
        settled.set()
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(decide)
        changed.wait(10)
        two = pool.submit(add_up)
        assert not settled.wait(0.5)
        may_commit.set()
        one.result()
        two.result()

    assert Past(agent.pk).count("2h", statuses=["rejected"]) == 1
    assert Past(agent.pk).count("2h", statuses=["pending"]) == 0


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_still_open_holds_the_sums_back(propose: Any, agent: Any) -> None:
    rollups.ask_for([agent.pk], of_subject=False)
    propose()
    with transaction.atomic():
        Proposal.objects.count()
        with ThreadPoolExecutor(1) as pool:
            oldest = pool.submit(lambda: (execute(rollups._OLDEST, [])[0][0], connection.close())[0]).result()
        [(began,)] = execute("SELECT now()", [])
    assert oldest <= began


def test_sums_are_made_for_who_is_asked_about(propose: Any, agent: Any) -> None:
    propose()
    rollups.settle()
    assert not Settled.objects.exists()

    in_force('history.agent.count("1h") > 5', "{approvals: 2}")
    rollups.settle()

    assert list(Settled.objects.values_list("key", flat=True)) == [agent.pk]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of", ["agent", "subject"])
@pytest.mark.parametrize("kind", ["count", "sum", "max"])
def test_a_question_reads_indexes_alone_however_many_proposals_there_are(
    propose: Any, agent: Any, of: str, kind: Any
) -> None:
    proposal = propose()
    columns = [f.column for f in Proposal._meta.concrete_fields if not f.generated]
    own = {
        "id": "gen_random_uuid()",
        "idempotency_key": "'k' || n",
        "created_at": "now() - interval '1 s' * n",
    }
    selected = ", ".join(own.get(name, name) for name in columns)
    with owner_connection() as owner:
        owner.execute(
            f"INSERT INTO suggestions_proposal ({', '.join(columns)}) "
            f"SELECT {selected} FROM suggestions_proposal, generate_series(1, 20000) AS n"
        )
        owner.execute("VACUUM (ANALYZE) suggestions_proposal")
        given = {"key": Past.of(proposal).keys[of], "seconds": 3_600.0, "statuses": list(STATUSES)}
        given |= {"argument": "amount" if kind != "count" else "", "action": "refund_payment"}
        statement = history.now_sql(kind, of)
        plan = "\n".join(line for (line,) in owner.execute(f"EXPLAIN {statement}", given))
        # Sums are few here, and read whole where statistics say so: there is an index for when they grow.
        owner.execute("SET enable_seqscan = off")
        grown = "\n".join(line for (line,) in owner.execute(f"EXPLAIN {statement}", given))

    assert "Seq Scan on suggestions_proposal" not in plan, plan
    assert "Seq Scan" not in grown, grown
    assert plan.count(f"Index Only Scan using proposal_past_of_{of} ") == 2, plan
    assert " using proposal_by" not in plan, plan


def test_no_request_compiles_anything(api: ApiClient, action_type: Any, monkeypatch: Any) -> None:
    from governance.expressions import cel
    from governance.policies import policy

    in_force(
        'history.agent.count("1h") > 50', "{verdict: block}",
        "args.nothing == 1", "{approvals: 2}",
    )  # fmt: skip
    api.submit()
    compiled, made = cel._compile.cache_info().misses, policy.ready.cache_info().misses
    monkeypatch.setattr(policy, "Expression", None)  # nobody makes one any more

    answers = [api.submit() for _ in range(3)]

    assert [a.status_code for a in answers] == [201] * 3
    assert (cel._compile.cache_info().misses, policy.ready.cache_info().misses) == (compiled, made)
