"""Evaluates expressions on the largest facts there can be, in a process that may take so much and no more.

Each line of the input is an expression; each line of the output says what it took.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

from governance.expressions import effort
from governance.expressions.cel import BadExpression, Expression, NoAnswer
from governance.expressions.cel_bounds import BOUNDS, JSON, MOST_ITEMS, SAID, fits
from governance.expressions.functions import FUNCTIONS
from governance.expressions.known_facts import FACTS

MEMORY = 1_500_000_000


def largest() -> dict[str, Any]:
    """Facts as large as they come, in the ways that cost most."""
    each = JSON.total // MOST_ITEMS - 100
    args = {
        "text": "a" * 16_000,
        "texts": ["a" * each] * (MOST_ITEMS // 2),
        "many": list(range(MOST_ITEMS)),
        "pairs": [{"name": f"n{n}", "value": n} for n in range(MOST_ITEMS)],
    }
    assert fits(args, BOUNDS["args"])  # type: ignore[arg-type]
    facts: dict[str, Any] = {
        "proposal": {"title": "a" * 200, "summary": "a" * 16_000, "context": args},
        "action": {"name": "refund_payment", "data_classes": ["personal"] * 50},
        "args": args,
        "user_text": "a" * SAID.text,
        "agreed_text": "a b c " * (SAID.text // 6),
        "tool_text": "a b " * (SAID.text // 4),
    }
    return {**dict.fromkeys(FACTS, 0), **facts}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    facts = largest()
    for line in sys.stdin:
        print(json.dumps(taken(json.loads(line), facts)), flush=True)


def taken(source: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What it was estimated to take, and what it took: memory above what was there, time of the processor."""
    try:
        expression = Expression(source, tuple(FACTS), FUNCTIONS)
    except BadExpression as error:
        return {"refused": str(error)}
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")  # the greatest memory counts anew from here
    before, began = _memory("VmRSS"), time.process_time()
    problem = ""
    try:
        with effort.limited(anew=True):
            expression.evaluate(facts)
    except NoAnswer as error:
        problem = str(error)
    return {
        "estimated": expression.cost.memory,
        "estimated_seconds": expression.cost.seconds,
        "memory": max(_memory("VmHWM") - before, 0),
        "seconds": time.process_time() - began,
        "problem": problem,
    }


def _memory(which: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(which))


if __name__ == "__main__":
    main()
