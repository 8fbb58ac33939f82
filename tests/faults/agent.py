"""One process of an agent that has several, dies now and then, and is started again.

    python -m tests.faults.agent URL KEY SINK SEED PROPOSAL …

It works as `examples/python_client.py` shows, and is killed (SIGKILL) at random between any two steps.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from typing import Any

import httpx

from examples.python_client import Refused, Reviewapp

DIES = 0.3  # of the times that it could


def main() -> None:
    url, key, sink, seed, *proposals = sys.argv[1:]
    rng = random.Random(seed)
    rng.shuffle(proposals)
    app = Reviewapp(url, key)

    def may_die() -> None:
        if rng.random() < DIES:
            os.kill(os.getpid(), signal.SIGKILL)

    def act(grant: dict[str, Any]) -> str:
        may_die()
        headers = {"Idempotency-Key": grant["idempotency_key"]}
        httpx.post(f"{sink}/acts", json=grant["arguments"], headers=headers, timeout=30).raise_for_status()
        may_die()
        return "done"

    for proposal in proposals:
        if app.execution(proposal, within=0)["status"] != "handed_back":
            continue
        may_die()
        try:
            app.carry_out(proposal, act)
        except Refused:
            continue
        may_die()


if __name__ == "__main__":
    main()
