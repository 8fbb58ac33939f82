"""What a demo agent does itself: actions that were handed back to it, in the demo's shop."""

from collections.abc import Sequence
from urllib.parse import quote

import httpx

from demo.agents.desk import Conflict, Desk, Json
from demo.agents.log import say

# method, address, and the arguments that go into the body; without names all of them
_TOOLS: dict[str, tuple[str, str, Sequence[str]]] = {
    "refund_payment": ("POST", "/orders/{order_id}/refunds", ["customer_id", "amount", "reason", "note"]),
    "cancel_order": ("POST", "/orders/{order_id}/cancel", ["reason"]),
    "change_address": ("PUT", "/orders/{order_id}/address", ["street", "city", "postcode", "country"]),
    "close_account": ("POST", "/customers/{customer_id}/close", ["reason"]),
    "issue_voucher": ("POST", "/customers/{customer_id}/vouchers", ["amount", "reason"]),
    "send_email": ("POST", "/mails", []),
    "exchange_items": ("POST", "/orders/{order_id}/exchanges", ["item_ids", "new_item_ids"]),
    "adjust_credit_limit": ("PUT", "/customers/{customer_id}/credit-limit", ["limit"]),
}


async def carry_out(desk: Desk, shop_url: str, proposal_id: str, holder: str) -> None:
    """Begin, act, report. Does nothing where another process has begun. Raises `No`.

    What became of a call that got no answer nobody knows: then nothing is reported, and a person looks.
    """
    try:
        grant = await desk.begin(proposal_id, holder)
    except Conflict as taken:
        say(desk.agent, f"leaves it alone: {taken}")
        return
    async with httpx.AsyncClient(base_url=shop_url, timeout=10) as shop:
        try:
            answer = await shop.request(*_request(grant), json=_body(grant), headers=_key(grant))
        except httpx.HTTPError as error:
            say(desk.agent, f"got no answer from the shop: {type(error).__name__}")
            return
    if answer.status_code >= 500:
        return
    outcome = "succeeded" if answer.is_success else "failed"
    await desk.report(proposal_id, outcome, f"The shop answered {answer.status_code}.", grant["token"])
    say(desk.agent, f"carried out {grant['action']} itself: {outcome}")


def _request(grant: Json) -> tuple[str, str]:
    method, address, _ = _TOOLS[grant["action"]]
    safe = {name: quote(str(value), safe="") for name, value in grant["arguments"].items()}
    return method, address.format(**safe)


def _body(grant: Json) -> Json:
    names = _TOOLS[grant["action"]][2] or list(grant["arguments"])
    return {name: grant["arguments"][name] for name in names if name in grant["arguments"]}


def _key(grant: Json) -> dict[str, str]:
    return {"Idempotency-Key": grant["idempotency_key"]}
