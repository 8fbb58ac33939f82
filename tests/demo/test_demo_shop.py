import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.shop.state import Call, State


def test_twenty_twins_have_one_effect_and_the_same_answer(shop):
    order = shop.order()

    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(
                lambda _: shop.post(shop.at(order, "/refunds"), {"amount": 1.5}, key="run-1/refund"),
                range(20),
            )
        )

    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert sorted(a.headers.get("Idempotent-Replayed", "first") for a in answers) == ["first"] + ["true"] * 19
    assert shop.effects() == [("refund", "run-1/refund")]
    assert shop.get(shop.at(order))["refunded"] == 1.5


def test_twins_have_one_effect_even_while_the_first_is_still_at_it():
    state, done = State(), []

    def slow_effect(data):
        time.sleep(0.02)
        done.append(1)
        return {"id": "once"}

    def act(_: int):
        return state.act(Call("POST", "/x", {}, "k"), slow_effect, name="x", status=201)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(act, range(20)))

    assert len(done) == 1
    assert sorted(a.replayed for a in answers) == [False] + [True] * 19


def test_the_same_key_for_another_request_is_refused(shop):
    order = shop.order()
    shop.post(shop.at(order, "/refunds"), {"amount": 1.5}, key="k")

    other_body = shop.post(shop.at(order, "/refunds"), {"amount": 2}, key="k")
    other_path = shop.post("/generic/anything", {"amount": 1.5}, key="k")

    assert (other_body.status_code, other_path.status_code) == (422, 422)
    assert other_body.headers["Content-Type"] == "application/problem+json"
    assert shop.effects() == [("refund", "k")]


def test_a_refusal_binds_no_key(shop):
    order = shop.order()

    too_much = shop.post(shop.at(order, "/refunds"), {"amount": order["paid"] + 0.01}, key="k")
    less = shop.post(shop.at(order, "/refunds"), {"amount": order["paid"]}, key="k")

    assert (too_much.status_code, less.status_code) == (409, 201)


def test_without_a_key_every_call_has_its_effect(shop):
    order = shop.order()

    for _ in range(2):
        shop.post(shop.at(order, "/refunds"), {"amount": 1})

    assert shop.effects() == [("refund", None), ("refund", None)]


def test_no_more_than_was_paid_is_ever_given_back(shop):
    order = shop.order()
    third = round(order["paid"] / 3, 2)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shop.post(shop.at(order, "/refunds"), {"amount": third}), range(8)))

    assert sorted({a.status_code for a in answers}) == [201, 409]
    after = shop.get(shop.at(order))
    assert after["refunded"] == pytest.approx(sum(r["amount"] for r in after["refunds"]))
    assert after["refunded"] <= order["paid"]


@pytest.mark.parametrize("amount", [0, -1, 0.001, "5", True, None, 1e300, [1]])
def test_an_amount_that_is_none_is_refused(shop, amount):
    answer = shop.post(shop.at(shop.order(), "/refunds"), {"amount": amount})

    assert answer.status_code == 422
    assert "`amount`" in answer.json()["detail"]
    assert shop.effects() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/orders/nobody", b"", 404),
        ("POST", "/orders/nobody/refunds", b'{"amount": 1}', 404),
        ("POST", "/customers/nobody/close", b"{}", 404),
        ("GET", "/nowhere", b"", 404),
        ("POST", "/nowhere", b"{}", 404),
        ("GET", "/customers/x/close", b"", 405),
        ("POST", "/orders", b"{}", 405),
        ("POST", "/mails", b"[]", 422),
        ("POST", "/mails", b"{not json", 400),
        ("POST", "/generic/x", b'{"a": NaN}', 400),
        ("POST", "/generic/x", b"[" * 100_000, 400),
        ("POST", "/generic/x", b"[" * 100 + b"]" * 100, 422),
        ("POST", "/generic/x", b'"' + b"x" * 1024 * 1024 + b'"', 413),
        ("PUT", "/faults", b'{"match": "/x", "mode": "explode"}', 422),
        ("PUT", "/faults", b'{"match": "/x", "mode": "refuse", "times": 0}', 422),
        ("PUT", "/faults", b'{"match": "/x", "mode": "refuse", "surprise": 1}', 422),
    ],
)
def test_what_cannot_be_done_is_a_problem(shop, method, path, body, status):
    answer = shop.client.request(method, path, content=body)

    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert shop.effects() == []


def test_an_order_is_cancelled_once_and_paid_back(shop):
    order = shop.order("pending")

    first = shop.post(shop.at(order, "/cancel"), {"reason": "Ordered twice"})
    second = shop.post(shop.at(order, "/cancel"), {"reason": "Ordered twice"})

    assert (first.status_code, second.status_code) == (200, 409)
    after = shop.get(shop.at(order))
    assert (after["status"], after["refunded"]) == ("cancelled", order["paid"])


def test_only_a_pending_order_gets_another_address(shop):
    address = {"street": "Newmove Street 1", "city": "Demoville", "postcode": "10012", "country": "DE"}
    pending, delivered = shop.order("pending"), shop.order("delivered")

    moved = shop.client.put(shop.at(pending, "/address"), json=address)
    late = shop.client.put(shop.at(delivered, "/address"), json=address)

    assert (moved.status_code, late.status_code) == (200, 409)
    assert shop.get(shop.at(pending))["address"] == address
    assert shop.get(shop.at(delivered))["address"] == delivered["address"]


def test_items_are_exchanged_for_the_same_product_only(shop):
    order = shop.order("delivered")
    item = order["items"][0]
    products = shop.get("/products")["products"]
    twin = next(p for p in products if p["product"] == item["product"] and p["item_id"] != item["item_id"])
    other = next(p for p in products if p["product"] != item["product"])

    wrong = shop.post(
        shop.at(order, "/exchanges"), {"item_ids": [item["item_id"]], "new_item_ids": [other["item_id"]]}
    )
    right = shop.post(
        shop.at(order, "/exchanges"), {"item_ids": [item["item_id"]], "new_item_ids": [twin["item_id"]]}
    )

    assert (wrong.status_code, right.status_code) == (409, 201)
    after = shop.get(shop.at(order))
    assert after["items"][0] == twin
    assert after["paid"] == pytest.approx(order["paid"] + twin["price"] - item["price"])


def test_a_customer_gets_vouchers_and_credit_until_the_account_is_closed(shop):
    busy = {o["customer_id"] for o in shop.get("/orders")["orders"] if o["status"] in {"pending", "shipped"}}
    customer = next(c for c in shop.get("/customers")["customers"] if c["id"] not in busy)
    path = f"/customers/{customer['id']}"

    shop.post(f"{path}/vouchers", {"amount": 10, "reason": "Late"})
    shop.client.put(f"{path}/credit-limit", json={"limit": 750})
    closed = shop.post(f"{path}/close", {"reason": "Asked"})
    again = shop.post(f"{path}/vouchers", {"amount": 10})
    still_waiting = shop.post(f"/customers/{min(busy)}/close", {})

    assert (closed.status_code, again.status_code, still_waiting.status_code) == (200, 409, 409)
    after = shop.get(path)
    assert (after["status"], after["credit_limit"]) == ("closed", 750)
    assert [v["amount"] for v in after["vouchers"]] == [10]


def test_mails_are_kept_and_found_by_recipient(shop):
    for to in ["ada.demo@example.com", "zoe.demo@example.com"]:
        shop.post("/mails", {"to": to, "subject": "Your order", "body": "It is on its way."})

    found = shop.client.get("/mails", params={"to": "zoe.demo@example.com"}).json()["mails"]

    assert [m["to"] for m in found] == ["zoe.demo@example.com"]


def test_any_recorded_action_can_be_played(shop):
    first = shop.post("/generic/send_money", {"recipient": "GB29", "amount": 1}, key="a")
    second = shop.post("/generic/list_files", [], key="b")

    assert (first.status_code, first.json()["ok"]) == (200, True)
    assert first.json()["id"] != second.json()["id"]
    assert [(e["path"], e["body"]) for e in shop.get("/ledger?after=1")["ledger"]] == [
        ("/generic/list_files", [])
    ]


def test_the_state_survives_a_restart_with_its_keys(open_shop, tmp_path):
    file = tmp_path / "shop.json"
    before = open_shop(file)
    order = before.order()
    first = before.post(before.at(order, "/refunds"), {"amount": 3}, key="k")
    before.close()

    after = open_shop(file)
    again = after.post(after.at(order, "/refunds"), {"amount": 3}, key="k")

    assert again.json() == first.json()
    assert after.get(after.at(order))["refunded"] == 3
    assert after.effects() == [("refund", "k")]
    assert [f.name for f in tmp_path.iterdir()] == ["shop.json"]


def test_an_answer_is_given_only_after_the_file_holds_it(open_shop, tmp_path):
    file = tmp_path / "shop.json"
    shop = open_shop(file)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: shop.post("/generic/x", {"n": n}, key=str(n)), range(40)))
        kept = open_shop(file)

    assert {a.json()["id"] for a in answers} == {e["result"]["id"] for e in kept.get("/ledger")["ledger"]}


def test_reset_begins_the_first_day_again(shop):
    untouched = shop.get("/orders")
    shop.post(shop.at(shop.order(), "/refunds"), {"amount": 1}, key="k")
    shop.fail(match="/orders/*", mode="refuse")

    shop.post("/reset", {})

    assert shop.get("/orders") == untouched
    assert shop.effects() == []
    assert shop.get("/faults") == {"faults": []}


def test_the_page_shows_hostile_text_as_text(shop):
    shop.post("/generic/<script>alert(1)<%2Fscript>", {"<b>": "x"}, key="<img src=x>")

    page = shop.client.get("/")

    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "&lt;img src=x&gt;" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_page_of_another_site_cannot_act(shop):
    answer = shop.client.post("/reset", headers={"Origin": "https://elsewhere.example"})

    assert answer.status_code == 403


def test_everybody_in_the_shop_is_recognisably_invented(shop):
    customers = shop.get("/customers")["customers"]

    assert len(customers) == 60
    assert all(c["name"].endswith(" Demo") and c["email"].endswith("@example.com") for c in customers)
    assert len({c["email"] for c in customers}) == 60
    assert all(o["id"].startswith("#D") for o in shop.get("/orders")["orders"])
