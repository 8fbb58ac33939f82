from __future__ import annotations

import json
import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError

from suggestions.trying import replay
from suggestions.trying.feed import CONNECTIONS, CannotSend, Feed, Summary

BAR = 30  # characters
QUIET_SECONDS = 5.0  # between two lines where nobody looks at a terminal


class Command(BaseCommand):
    help = (
        "Feed recorded actions of agents through the REST API, as if they were proposed now. "
        "A second replay of the same file makes nothing new. The last line printed is the summary as JSON."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files", nargs="+", type=Path, metavar="FILE.jsonl[.gz]", help="read in this order"
        )
        parser.add_argument(
            "--rate", type=_positive, help="proposals per second; as fast as it goes when left out"
        )
        parser.add_argument("--limit", type=int, help="read at most so many rows")
        parser.add_argument(
            "--deployment",
            default="",
            metavar="LABEL",
            help="say that this deployment of the agent produced them; without one nothing passes by itself",
        )
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="where reviewapp is")
        parser.add_argument("--key", default=os.environ.get("REVIEWAPP_KEY", ""), help="or set REVIEWAPP_KEY")

    def handle(self, *args: Any, files: list[Path], **options: Any) -> None:
        if not options["key"]:
            raise CommandError("Give an agent's key with --key or REVIEWAPP_KEY; create_agent prints one.")
        try:
            summary = self._replay(files, **options)
        except (replay.Unreadable, CannotSend) as error:
            raise CommandError(str(error)) from error
        for line in _told(summary):
            self.stdout.write(line)
        self.stdout.write(json.dumps(summary.as_json(), ensure_ascii=False))

    def _replay(self, files: list[Path], *, url: str, key: str, **options: Any) -> Summary:
        rows = sum(replay.rows_in(file) for file in files)
        if options["limit"] is not None:
            rows = min(rows, options["limit"])
        recorded: Iterator[replay.Recorded] = islice(
            chain.from_iterable(replay.read(file) for file in files), options["limit"]
        )
        if options["deployment"]:
            recorded = replay.produced_by(options["deployment"], recorded)
        progress = Progress(rows)
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        headers = {"Authorization": f"Bearer {key}"}
        try:
            client = httpx.Client(base_url=url, headers=headers, timeout=30, limits=limits)
        except httpx.InvalidURL as error:
            raise CommandError(f"{url} is not an address: {error}") from error
        with client:
            summary = Feed(client, rate=options["rate"], tell=progress).run(recorded)
        progress.end(summary)
        return summary


class Progress:
    """A bar on a terminal; elsewhere a line now and then."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.on_terminal = sys.stderr.isatty()
        self.began = self.shown = time.monotonic()

    def __call__(self, summary: Summary) -> None:
        now = time.monotonic()
        if now - self.shown >= (0.1 if self.on_terminal else QUIET_SECONDS):
            self.shown = now
            self._show(summary, now - self.began)

    def end(self, summary: Summary) -> None:
        if self.on_terminal:
            self._show(summary, summary.seconds)
            print(file=sys.stderr)

    def _show(self, summary: Summary, seconds: float) -> None:
        full = round(BAR * summary.rows / self.rows) if self.rows else BAR
        line = f"{summary.rows}/{self.rows}  {summary.rows / max(seconds, 0.01):.0f}/s"
        if self.on_terminal:
            print(f"\r{'█' * full}{'░' * (BAR - full)} {line} ", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def _told(summary: Summary) -> list[str]:
    by_status = ", ".join(f"{number} {status}" for status, number in summary.accepted.most_common())
    return [
        f"{summary.rows} rows in {summary.seconds:.1f} s ({summary.per_second:.1f} per second, "
        f"of which {summary.waited_seconds:.1f} s waited because the API asked for it)",
        f"{summary.accepted.total():>7} accepted{f': {by_status}' if by_status else ''}",
        f"{summary.replayed:>7} replayed: they were here already",
        f"{summary.nothing_to_propose:>7} with nothing to propose",
        f"{summary.refused.total():>7} refused",
        *(f"{number:>13} {reason}" for reason, number in summary.refused.most_common()),
    ]


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text} is not a number above 0")
    return number
