"""The product's processes and those they are held against, each with a port and a log of its own."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlunsplit

from bench.processes import Running
from bench.tables import Tables, address_of

STAY = ("web", "api", "bare", "bare-celery")  # in miniature; they do nothing unless somebody asks
BARE_WORKER = ["-m", "celery", "-A", "bench.bare_celery", "worker", "--concurrency", "2"]
BARE_WORKER += ["--without-gossip", "--without-mingle", "--hostname", "bare@%h"]

Started = contextlib.AbstractContextManager[Running]


class Servers(Tables):
    """Each measure has servers of its own, which know nothing of the measure before.

    In miniature they `stay` for the next one: to start them takes longer than all that is measured.
    """

    var: Path
    stay: bool
    staying: dict[str, Running]
    ends: contextlib.ExitStack

    def process(self, name: str, *, database: str = "") -> Started:
        """One of the product's processes, as `up` would start it; on another database of ours, if need be."""
        if database:
            return self._product(name, database)
        return self._staying(name, lambda: self._product(name))

    def bare(self) -> Started:
        """The limits of the API, on the same server and as many processes."""
        return self._staying("bare", self._bare)

    def bare_worker(self) -> Started:
        """The limits of carrying out: the product's Celery settings, as many processes, another queue."""
        command = [sys.executable, *BARE_WORKER]
        return self._staying(
            "bare-celery", lambda: self.running("bare-celery", command, dict(os.environ), port=0)
        )

    @contextlib.contextmanager
    def together(self, *processes: Started) -> Iterator[list[Running]]:
        """Start all of them at once, and wait until each answers."""
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(processes)) as starters:
            yield list(starters.map(stack.enter_context, processes))

    @contextlib.contextmanager
    def _staying(self, name: str, start: Callable[[], Started]) -> Iterator[Running]:
        if not self.stay or name not in STAY:
            with start() as running:
                yield running
            return
        if name not in self.staying:
            self.staying[name] = self.ends.enter_context(start())
        yield self.staying[name]

    def end_who_stays(self) -> None:
        self.ends.close()
        self.staying.clear()

    @contextlib.contextmanager
    def _product(self, name: str, database: str = "") -> Iterator[Running]:
        from reviewapp.embedded.credentials import free_port
        from reviewapp.processes import children

        port = free_port()
        environment = children.environment(name, port=port, metrics=self.var / "metrics" / name)
        if database:
            address = address_of("DATABASE_URL")._replace(path=f"/{database}")
            environment["DATABASE_URL"] = urlunsplit(address)
        with self.running(name, children.COMMANDS[name]("127.0.0.1", port), environment, port) as running:
            if name in ("web", "api"):
                running.wait_until_it_answers()
            yield running

    @contextlib.contextmanager
    def _bare(self) -> Iterator[Running]:
        from reviewapp.embedded.credentials import free_port

        port = free_port()
        command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--no-access-log"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--workers", _web_processes()]
        command += ["bench.bare:application"]
        environment = {**os.environ, "BARE_GIVEN": json.dumps(self.given())}
        with self.running("bare", command, environment, port) as running:
            running.wait_until_it_answers()
            yield running

    def given(self) -> dict[str, Any]:
        """What the bare endpoints are told, because they look nothing up."""
        raise NotImplementedError

    @contextlib.contextmanager
    def running(
        self, name: str, command: Sequence[str | Path], environment: dict[str, str], port: int
    ) -> Iterator[Running]:
        """Any process, with a log of its own; it ends with the context."""
        logs = self.var / "log"
        logs.mkdir(mode=0o700, exist_ok=True)
        with (logs / f"{name}.log").open("ab") as log:
            running = Running(name, command, environment, port, log)
            try:
                yield running
            finally:
                running.stop()


def _web_processes() -> str:
    from reviewapp.processes import children

    command = children.api("127.0.0.1", 0)
    return command[command.index("--workers") + 1]
