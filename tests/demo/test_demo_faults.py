import time

import httpx
import pytest


def refund(shop, order, key="k"):
    return shop.post(shop.at(order, "/refunds"), {"amount": 1}, key=key)


def test_an_error_before_has_no_effect_and_is_over_after_its_times(shop):
    order = shop.order()
    shop.fail(match="/orders/*/refunds", mode="error_before", status=502, times=2)

    statuses = [refund(shop, order).status_code for _ in range(3)]

    assert statuses == [502, 502, 201]
    assert shop.effects() == [("refund", "k")]
    assert shop.get("/faults") == {"faults": []}


def test_an_error_after_has_the_effect_and_a_retry_finds_it(shop):
    order = shop.order()
    shop.fail(match="/orders/*/refunds", mode="error_after", times=1)

    failed = refund(shop, order)
    effects = shop.effects()
    retried = refund(shop, order)

    assert failed.status_code == 503
    assert effects == [("refund", "k")]
    assert (retried.status_code, retried.headers["Idempotent-Replayed"]) == (201, "true")
    assert shop.effects() == effects


@pytest.mark.parametrize(("mode", "effects"), [("timeout_before", []), ("timeout_after", [("refund", "k")])])
def test_a_timeout_is_silence_and_then_the_end_of_the_connection(shop, mode, effects):
    order = shop.order()
    shop.fail(match="/orders/*/refunds", mode=mode, times=1, seconds=0.3)

    began = time.monotonic()
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        refund(shop, order)

    assert time.monotonic() - began >= 0.3
    assert shop.effects() == effects


def test_a_caller_who_gives_up_first_leaves_the_shop_well(shop):
    order = shop.order()
    shop.fail(match="/orders/*/refunds", mode="timeout_after", times=1, seconds=30)

    with pytest.raises(httpx.ReadTimeout):
        shop.client.post(
            shop.at(order, "/refunds"), json={"amount": 1}, headers={"Idempotency-Key": "k"}, timeout=0.2
        )

    assert refund(shop, order).headers["Idempotent-Replayed"] == "true"


def test_slow_is_late_but_right(shop):
    order = shop.order()
    shop.fail(match="/orders/*/refunds", mode="slow", times=1, seconds=0.3)

    began = time.monotonic()
    answer = refund(shop, order)

    assert time.monotonic() - began >= 0.3
    assert answer.status_code == 201
    assert shop.effects() == [("refund", "k")]


@pytest.mark.parametrize(("mode", "effects"), [("garbage", []), ("garbage_after", [("refund", "k")])])
def test_garbage_is_a_success_that_is_not_json(shop, mode, effects):
    order = shop.order()
    shop.fail(match="/orders/*/refunds", mode=mode, times=1)

    answer = refund(shop, order)

    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()
    assert shop.effects() == effects


def test_refuse_ends_the_connection_at_once_without_effect(shop):
    order = shop.order()
    shop.fail(match="/orders/*/refunds", mode="refuse")

    for _ in range(3):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            refund(shop, order)

    assert shop.effects() == []
    shop.client.delete("/faults")
    assert refund(shop, order).status_code == 201


def test_a_refusal_of_the_shop_still_comes_late_when_it_is_slow(shop):
    shop.fail(match="/orders/*/refunds", mode="slow", seconds=0)

    assert shop.post("/orders/nobody/refunds", {"amount": 1}).status_code == 404


def test_a_fault_meets_only_what_it_names(shop):
    order = shop.order()
    shop.fail(match="/orders/*", mode="error_before")
    shop.fail(match="/customers/**", mode="error_before", method="POST")

    assert shop.client.get(shop.at(order)).status_code == 503
    assert refund(shop, order).status_code == 201
    assert shop.client.get("/customers/customer-19100").status_code == 200
    assert shop.post("/customers/customer-19100/vouchers", {"amount": 1}).status_code == 503
    assert shop.client.get("/healthz").json() == {"status": "ok"}


def test_a_fault_for_the_same_calls_takes_the_place_of_the_old_one(shop):
    shop.fail(match="/mails", mode="refuse")
    shop.fail(match="/mails", mode="error_before", status=500)

    assert [f["mode"] for f in shop.get("/faults")["faults"]] == ["error_before"]
    assert shop.client.get("/mails").status_code == 500
