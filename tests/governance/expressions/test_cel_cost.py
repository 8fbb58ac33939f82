"""What an expression can cost is known before it is asked, and it never costs more than that."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from governance.expressions import cel_bounds, cel_regex, effort
from governance.expressions.cel import Expression, NoAnswer, TooCostly
from governance.expressions.functions import FUNCTIONS
from governance.expressions.known_facts import FACTS
from tests.searching import searched

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

VARIABLES = tuple(FACTS)


def grown(source: str, *factors: int) -> str:
    """`source.map(x, x + x + …)`, again and again."""
    return source + "".join(f".map(x, {' + '.join(['x'] * factor)})" for factor in factors)


ATTACK = f"{grown('[user_text]', 4, 8, 8, 8, 8)}.size() > 0"
# Beside what is counted, the memory of the process grows by what Python and the runtime keep ready.
SLACK = 16_000_000


class Child:
    """A process that evaluates expressions on the largest facts, and dies before it takes too much."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.governance.expressions.largest_facts"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )

    def evaluate(self, source: str) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(source) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the process died of {source}"
        return json.loads(answer)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    assert child.process.stdin
    child.process.stdin.close()
    child.process.wait(timeout=30)


TOO_LARGE = {
    "text that doubles and doubles": ATTACK,
    "text that grows in one sum": f"({' + '.join(['user_text'] * 25)}).size() > 0",
    "text of an argument": f"{grown('[args.note]', 8, 8, 8, 8)}.exists(x, x == '')",
    "lists that grow": f"{grown('[args.lines]', 8, 8, 8, 8)}.size() > 0",
    "lists of lists": "args.lines.map(x, args.lines).map(y, y.map(z, z)).size() > 0",
    "a list for each item": "args.lines.all(x, args.lines.map(y, y).size() > 0)",
    "a long list gone through": "(args.a + args.b + args.c + args.d).map(x, x).size() > 0",
    "hidden behind a choice": grown("[args.x ? user_text : 'a']", 8, 8, 8) + ".size() > 0",
    "hidden in a map": grown("[{'k': user_text}].map(m, m.k)", 8, 8, 8) + ".size() > 0",
    "bytes": f"{grown('[bytes(user_text)]', 8, 8, 8)}.size() > 0",
    "what a function answers": grown("[about(user_text, 'a')]", 8, 8, 8) + ".size() > 0",
    "a fact looked at by its key": grown("[action['name'] + args['x']]", 8, 8, 8, 8) + ".size() > 0",
    "an item of what was built": grown(f"[{grown('[user_text]', 8)}[0]]", 8, 8) + ".size() > 0",
}
TOO_LONG = {
    "a text for each item": "args.lines.exists(x, user_text.contains(x))",
    "a pattern that repeats": "user_text.matches('[ab]*a[ab]{900}c')",
    "a pattern prepared for each item": r"args.lines.all(x, x.matches('^[\\pL\\pN]{1,40}$'))",
    "items in items": "args.lines.all(x, x in args.lines)",
}
NEVER = {
    "a pattern from outside": "user_text.matches(args.pattern)",
    "repetitions of repetitions": "args.x.matches('((a{90}){90}){90}')",
    "messages": "google.protobuf.StringValue{value: user_text} == 'a'",
}


@pytest.mark.parametrize("kind", [*TOO_LARGE, *TOO_LONG, *NEVER])
def test_what_can_cost_too_much_is_refused_before_it_is_ever_asked(kind: str) -> None:
    source = {**TOO_LARGE, **TOO_LONG, **NEVER}[kind]
    with pytest.raises(TooCostly) as refused:
        Expression(source, VARIABLES, FUNCTIONS)
    said = refused.value.problem.text
    assert ("can become too large" in said) == (kind in TOO_LARGE)
    assert ("can take too long" in said) == (kind in TOO_LONG)


ORDINARY = [
    'action.name == "refund_payment" && args.amount > 500.0',
    "args.to.all(one, mentions(user_text, one))",
    "args.items.exists(item, item.price > 100.0 && item.name.startsWith('x'))",
    "args.items.filter(item, item.price > 100.0).size() > 2",
    "args.items.map(item, item.price).exists(price, price > 3)",
    "args.to.map(one, domain(one)).all(name, name in ['a.example', 'b.example'])",
    "args.a.all(x, args.b.exists(y, x.id == y.id))",
    "user_text.contains(args.note) || tool_text.contains(args.note)",
    "(args.first + ' ' + args.last) == proposal.title",
    "['refund', 'money back'].exists(word, user_text.contains(word))",
    "unmentioned(user_text, args).all(name, name in ['note', 'date'])",
    "has_secret(args) || has_hidden(proposal.context)",
    r"args.email.matches('^[A-Za-z0-9._%+-]{1,64}@[a-z0-9.-]+$')",
    "timestamp(args.at) - now < duration('2h')",
]


@pytest.mark.parametrize("source", ORDINARY)
def test_what_people_write_is_not_refused_and_keeps_within_its_estimate(source: str, child: Child) -> None:
    took = child.evaluate(source)
    assert "refused" not in took, took
    assert took["memory"] <= took["estimated"] + SLACK, took


# --- Whatever passes keeps within its estimate -----------------------------------------------------

TEXTS = st.sampled_from(
    ["user_text", "tool_text", "args.text", "proposal.summary", "'abc'", "action.name", "x"]
)
LISTS = st.sampled_from(
    ["args.texts", "args.many", "args.pairs", "action.data_classes", "[user_text, 'b']", "x"]
)


def _grown(inner: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    """Expressions of texts ("t") and lists ("l") made of others."""

    def of(kind: str) -> st.SearchStrategy[str]:
        return inner.filter(lambda one: one[0] == kind).map(lambda one: one[1])

    text, listed = of("t"), of("l")
    return st.one_of(
        st.tuples(st.just("t"), st.builds("({} + {})".format, text, text)),
        st.tuples(st.just("t"), st.builds("({} == {} ? {} : {})".format, text, text, text, text)),
        st.tuples(st.just("t"), st.builds("string({})".format, text)),
        st.tuples(st.just("t"), st.builds("about({}, 'b')".format, text)),
        st.tuples(st.just("t"), st.builds("{}[0]".format, listed)),
        st.tuples(st.just("t"), st.builds("string(size({}))".format, listed)),
        st.tuples(st.just("t"), st.builds("string({}.exists(x, {} == x))".format, listed, text)),
        st.tuples(st.just("t"), st.builds("{{'k': {}}}.k".format, text)),
        st.tuples(st.just("l"), st.builds("({} + {})".format, listed, listed)),
        st.tuples(st.just("l"), st.builds("[{}, {}]".format, text, text)),
        st.tuples(st.just("l"), st.builds("{}.map(x, {})".format, listed, text)),
        st.tuples(st.just("l"), st.builds("{}.map(x, {})".format, listed, listed)),
        st.tuples(st.just("l"), st.builds("{}.filter(x, {} != x)".format, listed, text)),
        st.tuples(st.just("l"), st.builds("{}.map(x, x.name + {})".format, listed, text)),
        st.tuples(st.just("l"), st.builds("pages({})".format, text)),
    )


EXPRESSIONS = st.recursive(
    st.one_of(st.tuples(st.just("t"), TEXTS), st.tuples(st.just("l"), LISTS)), _grown, max_leaves=8
).map(lambda one: one[1])


@searched(
    600,
    suppress=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(EXPRESSIONS)
def test_no_expression_that_passes_takes_more_than_its_estimate(child: Child, source: str) -> None:
    took = child.evaluate(f"[user_text].all(x, size({source}) >= 0)")
    if "refused" in took:
        return
    assert took["memory"] <= took["estimated"] + SLACK, (source, took)
    assert took["seconds"] <= 3 * took["estimated_seconds"] + 2, (source, took)  # and what functions may do


def test_the_runtime_still_stops_after_ten_thousand_rounds() -> None:
    # The estimate rests on it: nothing else stops loops in loops.
    numbers = list(range(1_000))
    facts = {"args": {"n": numbers}}
    assert Expression("args.n.all(x, [1, 2, 3, 4, 5, 6, 7].all(y, y > 0))", ["args"]).holds(facts)
    with pytest.raises(NoAnswer, match="Iteration budget"):
        Expression("args.n.all(x, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(y, y > 0))", ["args"]).holds(facts)


# --- Facts that are larger than any may be ---------------------------------------------------------

LARGE = {
    "a long list": {"list": [0] * (cel_bounds.MOST_ITEMS + 1)},
    "a wide group": {f"k{n}": 0 for n in range(cel_bounds.MOST_ITEMS + 1)},
    "many values": {f"k{n}": [0] * 900 for n in range(20)},
    "a long text": {"text": "é" * 8_200},
    "a long key": {"k" * 16_400: 1},
    "much text": {f"k{n}": "a" * 16_000 for n in range(17)},
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_fact_larger_than_its_bound_is_not_handed_over(kind: str) -> None:
    facts = {"args": {**LARGE[kind], "amount": 1}, "user_text": "pay"}
    with pytest.raises(NoAnswer, match="args is larger than what a rule looks at"):
        Expression("args.amount == 1", ["args", "user_text"]).holds(facts)
    assert Expression("user_text == 'pay'", ["args", "user_text"]).holds(facts)
    with pytest.raises(NoAnswer):
        Expression("!has(args.amount)", ["args", "user_text"]).holds(facts)


def test_facts_within_their_bounds_are_handed_over_as_they_are() -> None:
    args = {"list": [0] * cel_bounds.MOST_ITEMS, "text": "a" * 16_384, "nothing": None}
    assert cel_bounds.within({"args": args})["args"] is args


# --- Patterns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        ("abc", 3),
        ("a{50}", 50),
        ("(ab){10,20}", 40),
        ("((a{10}){10}){10}", 1_000),
        (r"[\pL\d]{9}", 9),
        (r"\Qa{9}\E", 4),
        ("[]a]{7}", 7),
        ("[^]a]{7}", 7),
        ("[[:alpha:]]{7}", 7),
        ("(?i)k{30}", 30),
        ("a{3}{3}", 9),
        ("a|b|c", 3),
        (")a{40}", 40),
        (r"\p{Greek}{12}", 12),
        ("a{,5}", 1),
        ("x{2,}", 2),
    ],
)
def test_repetitions_are_counted_never_too_few(pattern: str, least: int) -> None:
    assert cel_regex.needs(pattern).states >= least


@given(st.text(alphabet="ab[](){}^\\pLQE123,*+?|:.-é", max_size=60))
def test_any_pattern_can_be_counted(pattern: str) -> None:
    assert cel_regex.needs(pattern).states >= 1


# --- What functions do, counted while they do it ---------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "mentions(user_text, args.texts)",
        "unmentioned(user_text, args) == []",
        "args.texts.all(x, mentions(user_text, x))",
        "about(user_text, args.texts) == ''",
        "asks(user_text, args.texts)",
        "numbers(tool_text) == []",
        "adds(user_text, tool_text) == []",
    ],
)
def test_functions_stop_after_so_much_together(call: str, child: Child) -> None:
    took = child.evaluate(call)
    assert took["seconds"] < 10, took  # of the processor; without a bound it was minutes
    assert took["memory"] < 100_000_000, took


def test_what_is_remembered_does_not_change_what_is_counted() -> None:
    text = "pay Jo 5 and Al 7. " * 50
    facts = {"user_text": text, "args": {"names": [f"n{n}" for n in range(50)]}}
    asked = Expression(
        "mentions(user_text, args.names) || about(user_text, 'Jo') == ''", VARIABLES, FUNCTIONS
    )
    left = []
    for _ in range(2):
        with effort.limited(anew=True):
            asked.evaluate({**dict.fromkeys(VARIABLES, 0), **facts})
            left.append(effort._left.get().units)  # type: ignore[union-attr]
    assert left[0] == left[1] < effort.MOST


def test_one_evaluation_may_do_so_much_and_no_more() -> None:
    with effort.limited():
        effort.spend(effort.MOST - 10)
        with pytest.raises(effort.TooMuch), effort.limited():
            effort.spend(11)
    with effort.limited():
        effort.spend(effort.MOST)


# --- While it is compiled ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "(" * 1_990 + "1" + ")" * 1_990,
        "[" * 1_999,
        "!" * 3_900 + "true",
        " + ".join(["1"] * 1_300),
        " || ".join(["true"] * 480),
        "args" + ".a" * 1_900,
        "args" + "[0]" * 1_200,
        "true ? 1 : " * 360 + "1",
        "args.exists(x, " * 260 + "true" + ")" * 260,
        "args" + ".map(x, x)" * 390,
        "size(" * 600 + "args" + ")" * 600,
        "{1: " * 700 + "1" + "}" * 700,
    ],
    ids=lambda source: source[:12],
)
def test_nothing_that_is_written_takes_the_compiler_down(source: str, child: Child) -> None:
    took = child.evaluate(source)
    assert len(took.get("refused", "")) < 400
    assert took.get("seconds", 0) < 5
