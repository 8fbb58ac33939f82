"""`python -m demo.agents`: the demo agents, proposing until they are told to stop."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from demo.agents.crew import run
from demo.agents.generate import STORIES


def main() -> int:
    args = _arguments()
    try:
        keys = read_keys(args.keys)
    except (OSError, ValueError) as error:
        print(f"agents: cannot read the keys: {error}", file=sys.stderr)
        return 1
    asyncio.run(_until_told(run(args.url, keys, args.shop, args.every, args.seed)))
    return 0


def read_keys(file: Path) -> dict[str, str]:
    """Keys by agent; a name may be given without its `demo-`. Raises `ValueError`."""
    found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not found:
        raise ValueError("the file must hold an object of agent names and keys")
    keys = {f"demo-{name.removeprefix('demo-')}": key for name, key in found.items()}
    strangers = sorted(set(keys) - set(STORIES))
    if strangers:
        raise ValueError(f"there is no {strangers[0]}; the demo has {', '.join(STORIES)}")
    if not all(isinstance(key, str) and key.isascii() and key.isprintable() for key in keys.values()):
        raise ValueError("a key must be printable text")
    return keys


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.agents", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the server agents propose to")
    parser.add_argument("--keys", type=Path, required=True, metavar="FILE.json", help="keys by agent name")
    parser.add_argument("--shop", default="http://127.0.0.1:9100", help="the demo shop")
    parser.add_argument("--every", type=float, default=4, metavar="SECONDS", help="between proposals, about")
    parser.add_argument("--seed", type=int, help="for the same course of events again")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
