"""From chance and the shop to a proposal: pure, so that one seed gives one proposal."""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from demo.agents import oddities, stories
from demo.agents.draft import Draft, Json, finished
from demo.agents.world import World
from demo.seed import AGENTS

Story = Callable[[random.Random, World], Draft]
Twist = Callable[[random.Random, World, Draft], Draft]

SHARE_OF_ODDITIES = 0.1
ALLOWED = {agent["name"]: set(agent["actions"]) for agent in AGENTS}

STORIES: dict[str, list[Story]] = {
    "demo-support-bot": [
        stories.refund_flaw,
        stories.refund_flaw,
        stories.refund_price_difference,
        stories.large_refund,
        stories.cancel,
        stories.new_address,
        stories.voucher,
        stories.answer_by_mail,
        stories.exchange,
    ],
    "demo-treasury-agent": [
        stories.large_refund,
        stories.refund_price_difference,
        stories.credit_limit,
        stories.credit_limit,
        stories.voucher,
    ],
    "demo-ops-agent": [
        stories.cancel,
        stories.new_address,
        stories.close_account,
        stories.answer_by_mail,
    ],
}

ODDITIES: dict[str, list[tuple[Story, Twist]]] = {
    "demo-support-bot": [
        (stories.refund_flaw, oddities.more_than_was_paid),
        (stories.refund_flaw, oddities.hidden_sign_in_note),
        (stories.exchange, oddities.hidden_sign_in_note),
        (stories.new_address, oddities.injected_address),
        (stories.answer_by_mail, oddities.injected_recipient),
    ],
    "demo-treasury-agent": [
        (stories.large_refund, oddities.more_than_was_paid),
        (stories.credit_limit, oddities.hidden_sign_in_note),
    ],
    "demo-ops-agent": [
        (stories.close_account, oddities.hidden_sign_in_note),
        (stories.new_address, oddities.injected_address),
        (stories.answer_by_mail, oddities.injected_recipient),
    ],
}


@dataclass(frozen=True)
class Proposed:
    body: Json
    oddity: str | None


def propose(seed: int, agent: str, world: World, now: datetime) -> Proposed:
    """What this agent proposes; about one in ten carries something to be noticed."""
    rng = random.Random(seed)
    if rng.random() < SHARE_OF_ODDITIES:
        story, twist = rng.choice(ODDITIES[agent])
        draft = twist(rng, world, story(rng, world))
    else:
        draft = rng.choice(STORIES[agent])(rng, world)
    draft.options = [option for option in draft.options if option.action in ALLOWED[agent]]
    return Proposed(finished(draft, rng, agent, now), draft.oddity)


def revise(body: Json, proposal_id: str, feedback: str) -> Json:
    """The same case again after a reviewer's word: milder, and naming what it answers."""
    again = copy.deepcopy(body)
    again.pop("expires_at", None)
    again["revises"] = proposal_id
    again["title"] = _once(again["title"], " (revised)")
    again["context"]["feedback"] = feedback[:1000]
    if len(again["suggestions"]) > 1:
        del again["suggestions"][0]
    for rank, suggestion in enumerate(again["suggestions"], start=1):
        suggestion["rank"] = rank
        _make_milder(suggestion)
    return again


def _make_milder(suggestion: Json) -> None:
    arguments = suggestion["arguments"]
    if suggestion["action"] == "refund_payment":
        arguments["amount"] = max(0.01, round(arguments["amount"] * 0.8, 2))
    for name in ("note", "reason"):
        if name in arguments:
            arguments[name] = "".join(c for c in arguments[name] if c.isascii())
    suggestion["explanation"] = _once(suggestion["explanation"], " Revised after the reviewer's feedback.")


def _once(text: str, end: str) -> str:
    return text if text.endswith(end) else text + end
