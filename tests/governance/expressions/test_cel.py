import pytest

from governance.expressions.cel import BadExpression, Expression, NoAnswer, activation


def test_an_expression_answers_in_plain_python():
    assert Expression("{'a': args.n + 1, 'b': [args.s]}", ["args"]).evaluate(
        {"args": {"n": 1, "s": "x"}}
    ) == {
        "a": 2,
        "b": ["x"],
    }


def test_many_expressions_share_one_activation():
    facts = activation({"args": {"amount": 7.5}}, ["args"])
    assert Expression("args.amount > 5", ["args"]).holds(facts)
    assert not Expression("args.amount > 500.0", ["args"]).holds(facts)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("args.", "1:6: Syntax error"),
        ("1 +\n foo", "2:2: undeclared reference to 'foo'"),
        ("nosuch(args)", "1:7: undeclared reference to 'nosuch'"),
        ("'x' + 1", "1:5: found no matching overload"),
        ("1 == 1 " + " " * 4_000, "at most 4000 characters"),
    ],
)
def test_a_bad_expression_is_refused_with_line_and_column(source, message):
    with pytest.raises(BadExpression, match=message):
        Expression(source, ["args"])


@pytest.mark.parametrize("source", ["args.missing == 1", "1 / args.zero == 1", "args.word > 5", "args.word"])
def test_an_expression_that_cannot_answer_says_so(source):
    with pytest.raises(NoAnswer):
        Expression(source, ["args"]).holds({"args": {"zero": 0, "word": "x"}})


def test_a_fact_that_is_missing_is_no_answer():
    with pytest.raises(NoAnswer):
        Expression("args.a == 1", ["args"]).holds({})
