"""What a policy may ask of the past, before anybody answers."""

from __future__ import annotations

from typing import Any

import pytest

from governance.expressions import past
from governance.expressions.cel import Expression, NoAnswer
from governance.expressions.known_facts import check
from governance.expressions.past import Question, asks_about_past
from governance.policies.policy import Policy, PolicyText


class Noted:
    """Answers everything alike, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, question: Question) -> int:
        self.asked.append(str(question))
        return 7


def evaluated(source: str, answers: Any = None, **args: Any) -> Any:
    with past.answering(answers):
        facts = {"history": past.FACT, "args": args}
        return Expression(source, ["history", "args"], past.FUNCTIONS).evaluate(facts)


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ('history.agent.count("1h") == 7', 'history.agent.count("1h")'),
        ('history["agent"].count("1h") == 7', 'history.agent.count("1h")'),
        (
            'history.subject.sum("n", "24h", {"status": ["rejected", "pending"], "action": args.a}) == 7',
            'history.subject.sum("n", "24h", {"action": "pay", "status": ["pending", "rejected"]})',
        ),
        ('history.agent.max("n", "30d") == 7', 'history.agent.max("n", "30d", {"status": ["approved"]})'),
        ('history.agent.seen("to", args.a, "90d")', 'history.agent.seen("to", "pay", "90d")'),
        ('history.agent.seen("to", args.n, "90d")', 'history.agent.seen("to", 2.5, "90d")'),
    ],
)  # fmt: skip
def test_a_question_has_one_spelling(source: str, asked: str) -> None:
    answers = Noted()

    assert evaluated(source, answers, a="pay", n=2.5) is True
    assert answers.asked == [asked]


def test_a_long_value_is_named_by_its_digest() -> None:
    answers = Noted()
    evaluated('history.agent.seen("to", args.a, "90d")', answers, a="x" * 5_000)
    evaluated('history.agent.seen("to", args.a, "90d")', answers, a="x" * 4_999)

    assert len(set(answers.asked)) == 2
    assert all(len(asked) < 150 for asked in answers.asked)


SPANS = "write one as 500ms, 10s, 30m, 4h or 7d"
WRONG = [
    ('history.agent.count("91d") > 1', "a window is at most 90d long, not 91d"),
    ('history.agent.count("soon") > 1', f"'soon' is not a span of time; {SPANS}"),
    ('history.agent.count("0s") > 1', "a window is at most 90d long, not 0s"),
    (
        'history.agent.count("1h", {"states": "x"}) > 1',
        "'states' is unknown; a question is narrowed by action and status",
    ),
    ('history.agent.count("1h", {"action": 1}) > 1', "action is the name of an action type"),
    *(
        (
            f'history.agent.count("1h", {{"status": {status}}}) > 1',
            "status is one of the statuses, or a list of them",
        )
        for status in ("5", "true", '{"pending": 1}')
    ),
    (
        'history.agent.count("1h", {"status": ["pending", 5]}) > 1',
        "5 is no status; there are pending, approved, rejected, returned, expired, withdrawn, blocked",
    ),
    (
        'history.agent.count("1h", {"status": "open"}) > 1',
        "'open' is no status; there are pending, approved, rejected, returned, expired, withdrawn, blocked",
    ),
    ('history.agent.count("36601d") > 1', "'36601d' is longer than a hundred years"),
    (
        'history.agent.max("a", "1h", {"status": "pending"}) > 1.0',
        "the greatest is asked of what was decided, not of what is pending",
    ),
]


@pytest.mark.parametrize(("source", "said"), WRONG)
def test_a_question_that_nobody_could_answer_is_none(source: str, said: str) -> None:
    with pytest.raises(NoAnswer, match="^" + said.replace("(", r"\(").replace(".", r"\.")):
        evaluated(source, Noted())


@pytest.mark.parametrize(("source", "said"), WRONG)
def test_and_is_found_when_it_is_written(source: str, said: str) -> None:
    [problem] = check(f"args.amount > 5.0 &&\n  {source}")

    assert (problem.line, problem.column, problem.text) == (2, 3, said)


def test_what_depends_on_the_proposal_is_left_until_it_is_asked() -> None:
    assert check('history.agent.seen("to", args.to, "90d") && history.agent.count(args.window) > 1') == []
    assert check('history.agent.sum("amount", "1d") > 500 || history.subject.count("1h") > 3') == []


def test_without_anybody_who_knows_a_rule_fails_closed() -> None:
    rules = [{"name": "a", "when": 'history.agent.count("1h") < 9', "then": {"verdict": "auto_approve"}}]
    policy = Policy(PolicyText.model_validate({"version": 1, "rules": rules}), None)
    [matched] = policy.matched({"history": past.FACT})

    assert matched.then.verdict == "review"
    assert matched.error == past.NOBODY


def test_a_policy_knows_whether_it_asks() -> None:
    assert not asks_about_past(["args.x == 1", "args.history_of_x == 1", "true"])
    for one in ("history . agent", 'history["subject"]', "[history][0].agent"):
        assert asks_about_past(["true", f'{one}.count("1h") > 1'])
