import pytest

from governance.actions.route_kinds import HandBack
from governance.actions.workflow import InvalidWorkflow, check, parse

ROUTE = {"kind": "http", "method": "POST", "url": "http://shop.internal/orders/{order_id}/refunds"}
REFUND = {"name": "refund", "routes": [ROUTE]}


def test_a_workflow_as_the_design_shows_it():
    workflow = parse(
        {
            "steps": [
                {
                    "name": "refund",
                    "routes": [
                        {**ROUTE, "body": {"amount": "=args.amount", "by": "us"}, "timeout": "10s"},
                        {"kind": "handback", "to": "agent", "within": "4h"},
                    ],
                    "retry": {"attempts": 5, "base": "500ms", "cap": "60s", "within": "10m"},
                    "success_when": "response.status < 300",
                    "verify": {
                        "method": "GET",
                        "url": "http://shop.internal/orders/{order_id}",
                        "expect": "response.json.refunded >= args.amount",
                    },
                }
            ]
        }
    )

    step = workflow.steps[0]
    assert (step.retry.base, step.retry.cap, step.retry.within) == (0.5, 60.0, 600.0)
    assert (step.routes[0].timeout, step.routes[0].idempotent) == (10.0, False)
    assert isinstance(step.routes[1], HandBack)
    assert workflow.longest == 600 + 4 * 3600 + 2


def test_what_is_left_out_has_a_careful_default():
    step = parse({"steps": [REFUND]}).steps[0]

    assert (step.retry.attempts, step.retry.base, step.retry.cap, step.retry.within) == (5, 0.5, 60, 600)
    assert step.success_when == "response.status < 300"
    assert step.verify is None


def step(**changes):
    return {"steps": [{**REFUND, **changes}]}


def route(**changes):
    return step(routes=[{**ROUTE, **changes}])


@pytest.mark.parametrize(
    ("workflow", "said"),
    [
        (None, "workflow: Input should be"),
        ({}, "steps: steps is missing"),
        ({"steps": []}, "steps: List should have at least 1"),
        ({"steps": [REFUND], "extra": 1}, "extra: extra is unknown here; known are steps"),
        ({"steps": [REFUND, REFUND]}, "steps.1.name: two steps have the same name"),
        (step(name="undo.a"), "steps.0.name: undo.a: names with undo. are for what undoes"),
        (step(name="a/b"), "steps.0.name"),
        (step(name="undo.refund"), "steps.0.name: undo.refund: names with undo."),
        (step(routes=[]), "steps.0: a step needs routes"),
        (step(routes=[{"kind": "python"}]), "steps.0.routes.0"),
        (step(routes=[{"kind": "handback"}, ROUTE]), "steps.0.routes.0: only the last route can hand back"),
        (
            route(idempotent_key=True),
            "steps.0.routes.0.idempotent_key: idempotent_key is unknown here; did you mean idempotent?",
        ),
        (route(timeout="soon"), "steps.0.routes.0.timeout: 'soon' is not a span of time"),
        (route(timeout="26s"), "steps.0.routes.0.timeout: Input should be less than or equal to 25"),
        (route(url="shop/orders"), "steps.0.routes.0.url: an address begins with http"),
        (route(url="ftp://shop/orders"), "steps.0.routes.0.url: an address begins with http"),
        (route(url="http://user:word@shop/orders"), "steps.0.routes.0.url: an address carries no user"),
        (route(url="http://{host}/orders"), "steps.0.routes.0.url: the host must be written out"),
        (route(url="http://shop.{zone}/orders"), "steps.0.routes.0.url: the host must be written out"),
        (route(url="http://shop/{+path}"), "steps.0.routes.0.url: {+path} would put an argument"),
        (route(url="http://shop/{#path}"), "steps.0.routes.0.url: {#path} would put an argument"),
        (route(url="http://shop/orders/{id"), "steps.0.routes.0.url: has a brace"),
        (route(body={"a": {"b": ["=args.a +"]}}), "steps.0.routes.0.body.a.b.0: 1:9: Syntax error"),
        (route(body={"a": "=response.status"}), "1:9: undeclared reference to 'response.status'"),
        (
            route(headers={"Idempotency-Key": "x"}),
            "steps.0.routes.0.headers.Idempotency-Key: Idempotency-Key is set by the",
        ),
        (route(headers={"X": "a\nb"}), "steps.0.routes.0.headers.X: X is not a header"),
        (step(success_when="response.status <"), "steps.0.success_when: 1:18: Syntax error"),
        (step(retry={"attempts": 0}), "steps.0.retry.attempts"),
        (step(retry={"attempts": 21}), "steps.0.retry.attempts"),
        (step(verify={"url": "http://shop/", "expect": "foo"}), "steps.0.verify.expect: 1:1: undeclared"),
        (
            step(verify={"method": "POST", "url": "http://shop/", "expect": "true"}),
            "steps.0.verify.route: a question",
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(workflow, said):
    with pytest.raises(InvalidWorkflow) as refusal:
        parse(workflow)

    assert said in str(refusal.value)


def test_an_address_is_built_from_arguments_that_the_schema_knows():
    check(step(), {"properties": {"order_id": {}}})

    with pytest.raises(InvalidWorkflow, match=r"steps\.0\.routes\.0\.url: \{order_id\} is not an argument"):
        check(step(), {"properties": {"order": {}}})
