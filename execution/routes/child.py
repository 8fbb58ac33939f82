"""Runs one callable of an installed app in a process of its own: `python -m execution.routes.child`.

It speaks a line of JSON each over the socket that is its standard input: is told which callable, and until
when; says that it is ready; is told the arguments; answers. Nothing of this product is loaded here, and no
Django unless the callable does it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import threading
from importlib.metadata import EntryPoint
from typing import Any, BinaryIO

from execution.routes.nothing_done import NothingDone


def main() -> None:
    line = socket.socket(fileno=os.dup(0))
    # What the callable prints goes to where the worker's errors go, and it reads nothing.
    os.dup2(2, 1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    heard = line.makefile("rb")
    told = json.loads(heard.readline())
    answer = _answer(line, heard, told)
    line.sendall(json.dumps(answer).encode() + b"\n")


def _answer(line: socket.socket, heard: BinaryIO, told: dict[str, Any]) -> dict[str, Any]:
    try:
        function = EntryPoint("", told["callable"], "").load()
    except BaseException as error:  # whatever a module does while it is loaded
        return {"unusable": _said(error)}
    line.sendall(b'{"ready": true}\n')
    asked = heard.readline()
    if not asked:
        sys.exit()
    threading.Thread(target=_end_with_the_worker, args=(line, told["seconds"]), daemon=True).start()
    return _called(function, **json.loads(asked))


def _called(function: Any, arguments: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    try:
        result = function(arguments, context)
        return {"result": json.loads(json.dumps(result, allow_nan=False))}
    except NothingDone as error:
        return {"nothing_done": str(error), "again": error.again, "retry_after": float(error.retry_after)}
    except BaseException as error:  # also what would end this process without an answer
        return {"raised": _said(error)}


def _end_with_the_worker(line: socket.socket, seconds: float) -> None:
    """Whoever asked is gone, or its time is over, also where the worker itself is frozen."""
    select.select([line], [], [], seconds)
    os.killpg(0, signal.SIGKILL)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


if __name__ == "__main__":
    main()
