"""The demo agents at work: propose, wait for some answers, propose again what came back."""

import asyncio
import os
import random
import uuid
from collections import OrderedDict
from datetime import UTC, datetime

from demo.agents.desk import Desk, No
from demo.agents.draft import Json
from demo.agents.generate import propose, revise
from demo.agents.hands import carry_out
from demo.agents.log import say
from demo.agents.shop import Window

REMEMBERED = 300  # proposals an agent can still revise
FOLLOWED = 2  # proposals an agent waits for at a time
LOOK_FOR_RETURNED = 20.0  # seconds
LOOK_FOR_HANDED_BACK = 2.0  # seconds
AFTER_A_REFUSAL = 10.0  # seconds
ENOUGH = 40  # pending proposals of all agents together


class Member:
    """One agent."""

    def __init__(self, desk: Desk, rng: random.Random, most_pending: int, shop_url: str) -> None:
        self.name = desk.agent
        self._desk = desk
        self._shop_url = shop_url
        self._rng = rng
        self._most_pending = most_pending
        self._sent: OrderedDict[str, Json] = OrderedDict()
        self._following: set[asyncio.Task[None]] = set()

    async def work(self, shop: Window, every: float) -> None:
        """Keep proposing, about once in `every` seconds, unless enough is waiting already."""
        while True:
            await asyncio.sleep(every * self._rng.uniform(0.5, 1.5))
            world = await shop.look()
            if world is None:
                continue
            try:
                if len(await self._desk.listed("pending", self._most_pending)) < self._most_pending:
                    proposed = propose(self._rng.getrandbits(48), self.name, world, datetime.now(UTC))
                    await self._submit(proposed.body)
            except No as refusal:
                await self._take(refusal)

    async def mind_returned(self) -> None:
        """Revise what reviewers sent back, also what nobody is waiting for."""
        while True:
            await asyncio.sleep(LOOK_FOR_RETURNED)
            try:
                for proposal in await self._desk.listed("returned", 50):
                    await self._revise(proposal)
            except No as refusal:
                await self._take(refusal)

    async def _take(self, refusal: No) -> None:
        say(self.name, f"refused: {refusal}")
        await asyncio.sleep(AFTER_A_REFUSAL)

    async def _submit(self, body: Json) -> None:
        proposal = await self._desk.submit(body, uuid.uuid4().hex)
        say(self.name, f"proposed “{body['title']}”: {proposal['status']}")
        self._sent[proposal["id"]] = body
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        if proposal["status"] == "pending" and len(self._following) < FOLLOWED:
            task = asyncio.create_task(self._follow(proposal["id"]))
            self._following.add(task)
            task.add_done_callback(self._following.discard)

    async def _follow(self, proposal_id: str) -> None:
        try:
            proposal = await self._desk.wait_for(proposal_id)
            while proposal["status"] == "pending":
                await asyncio.sleep(1)
                proposal = await self._desk.wait_for(proposal_id)
            title = self._sent.get(proposal_id, {}).get("title", proposal_id)
            say(self.name, f"heard of “{title}”: {proposal['status']}")
            if proposal["status"] == "returned":
                await self._revise(proposal)
            if proposal["status"] == "approved" and await self._is_handed_back(proposal_id):
                await carry_out(self._desk, self._shop_url, proposal_id, f"process {os.getpid()}")
        except No as refusal:
            say(self.name, f"stops waiting: {refusal}")

    async def _is_handed_back(self, proposal_id: str) -> bool:
        """Whether it is the agent that has to carry it out; a worker does most things."""
        execution = await self._desk.execution(proposal_id)
        while execution["status"] == "scheduled":
            await asyncio.sleep(LOOK_FOR_HANDED_BACK)
            execution = await self._desk.execution(proposal_id)
        return bool(execution["status"] == "handed_back" and execution["arguments"])

    async def _revise(self, proposal: Json) -> None:
        body = self._sent.pop(proposal["id"], None)  # nobody else shall revise it too
        if body is not None:
            await self._submit(revise(body, proposal["id"], _feedback(proposal)))


async def run(url: str, keys: dict[str, str], shop_url: str, every: float, seed: int | None) -> None:
    """All agents at work until cancelled."""
    rng, shop = random.Random(seed), Window(shop_url)
    async with asyncio.TaskGroup() as group:
        for name, key in keys.items():
            member = Member(
                Desk(url, name, key), random.Random(rng.getrandbits(64)), ENOUGH // len(keys) + 1, shop_url
            )
            group.create_task(member.work(shop, every * len(keys)))
            group.create_task(member.mind_returned())


def _feedback(proposal: Json) -> str:
    resolution = proposal.get("resolution") or {}
    return str(resolution.get("feedback") or resolution.get("reason") or "")
