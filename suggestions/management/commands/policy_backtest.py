from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from audit.ground import durations
from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid, Refusal
from governance.models import PolicyVersion
from governance.policies import policy
from suggestions.models import Backtest, Disagreement
from suggestions.trying import backtest
from suggestions.trying.rejudge import DEFAULT_NEWEST, MOST, Chosen
from suggestions.trying.tally import name_of, sentences

BAR = 30  # characters
QUIET_SECONDS = 5.0  # between two lines where nobody looks at a terminal


class Command(BaseCommand):
    help = (
        "Put a policy before recorded proposals and compare it with what people decided. A version that is "
        "kept gets the result as its validation score; a file that is not is only measured. Needs no worker."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("policy", metavar="VERSION|FILE", help="a digest, the beginning of one, or YAML")
        parser.add_argument("--since", type=_time, help="a date, a time, or how long ago, such as 30d")
        parser.add_argument("--until", type=_time)
        parser.add_argument("--agent", default="", help="its name")
        parser.add_argument("--action", default="", help="name of an action type")
        parser.add_argument("--newest", type=_number, default=DEFAULT_NEWEST, help="at most so many")
        parser.add_argument("--json", action="store_true", help="print the whole result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Chosen(
            since=options["since"],
            until=options["until"],
            agent=options["agent"],
            action=options["action"],
            newest=options["newest"],
        )
        try:
            result = self._measure(options["policy"], chosen)
        except Invalid as error:
            raise CommandError("\n".join(f"{e['pointer']} {e['detail']}" for e in error.errors)) from error
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(result, indent=1))
        else:
            self.stdout.write("\n".join(_told(result)))

    def _measure(self, named: str, chosen: Chosen) -> dict[str, Any]:
        progress = Progress()
        file = Path(named)
        if file.is_file():
            content, digest = policy.read(file.read_text(encoding="utf-8"))
            version = PolicyVersion.objects.filter(pk=digest).first()
            if version is None:
                return backtest.rehearse(policy.Policy(content, digest), chosen, progress)
        else:
            version = _version(named)
        asked = backtest.ask(version, chosen=chosen, by=None, actor=SYSTEM, alone=True)
        finished = backtest.work_until_done(asked.pk, lambda b, done: progress(done, b.total or 0))
        if finished.status != Backtest.Status.DONE:
            raise CommandError(f"The backtest {finished.status}. {finished.error}".strip())
        return {"backtest": str(finished.pk), "policy": version.pk, **(finished.result or {})}


class Progress:
    """A bar on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self.on_terminal = sys.stderr.isatty()
        self.began = self.shown = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self.shown < (0.1 if self.on_terminal else QUIET_SECONDS):
            return
        self.shown = now
        line = f"{done:,} of {total:,}  {done / max(now - self.began, 0.01):,.0f}/s"
        if not self.on_terminal:
            print(line, file=sys.stderr, flush=True)
            return
        full = round(BAR * done / total) if total else BAR
        end = "\n" if done >= total else ""
        print(f"\r{'█' * full}{'░' * (BAR - full)} {line} ", end=end, file=sys.stderr, flush=True)


def _version(named: str) -> PolicyVersion:
    """By its digest or the beginning of it."""
    wanted = named if named.startswith("sha256:") else f"sha256:{named}"
    found = list(PolicyVersion.objects.filter(pk__startswith=wanted)[:2])
    if len(found) == 1:
        return found[0]
    what = "Several versions begin" if found else "There is no file and no version that begins"
    raise CommandError(f"{what} with {named}.")


def _told(result: dict[str, Any]) -> list[str]:
    kinds = [(kind.label, n) for kind in Disagreement.Kind if (n := result["disagreements"][name_of(kind)])]
    return [
        *sentences(result),
        "",
        *_table("action type", result["actions"], lambda a: (a["passed"]["share"], a["passed"]["rejected"])),
        "",
        *_table("rule", result["rules"], lambda r: (r["share"], r["rejected"])),
        "",
        *(f"{n:>9,}  {label}" for label, n in kinds),
        *(["Nothing that people would disagree with."] if not kinds else []),
    ]


def _table(what: str, rows: list[dict[str, Any]], shares: Any) -> list[str]:
    """Of each the share that passes or matches, and how much of that people rejected."""
    first = "would pass" if what == "action type" else "matched"
    width = max([len(what), *(len(row["name"] or "no rule") for row in rows)])
    lines = [f"{what:<{width}}  {first:>26}  {'of these rejected':>26}"]
    for row in rows:
        one, other = (_share(share) for share in shares(row))
        lines.append(f"{row['name'] or 'no rule':<{width}}  {one:>26}  {other:>26}")
    return lines


def _share(share: dict[str, Any]) -> str:
    if not share["of"]:
        return "nothing"
    return f"{share['count']:,} ({share['low']:.1%} to {share['high']:.1%})"


def _time(text: str) -> datetime:
    """A date, a time (UTC unless it says otherwise), or how long ago."""
    try:
        found = parse_datetime(text) or parse_datetime(f"{text}T00:00:00")
        if found is None:
            return datetime.now(UTC) - timedelta(seconds=durations.seconds(text))
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(
            f"{text} is no date, such as 2026-11-01, and no span of time, such as 30d"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST:
        raise ArgumentTypeError(f"give a whole number from 1 to {MOST:,}")
    return int(text)
