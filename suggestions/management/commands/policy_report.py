from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.refusals import Invalid
from audit.ground.wilson import Share
from governance.policies.policy import Policy, read
from suggestions.trying import altered as alteration
from suggestions.trying import policy_report, replay
from suggestions.trying.altered import Alterations
from suggestions.trying.policy_report import OUTCOMES, PASSED, Counts, Judged, Report

MOST_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Judge recorded actions of agents by policies, and compare with what is known of them: how many "
        "injected ones would have passed, how many harmless ones need nobody. Writes nothing. "
        "A folder given as --data holds actions_*_NAME.jsonl[.gz] for a policy NAME.yaml."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("policies", nargs="+", type=Path, metavar="POLICY.yaml")
        parser.add_argument(
            "--data", nargs="+", type=Path, required=True, metavar="DIR|FILE", help="recorded actions"
        )
        parser.add_argument(
            "--tools",
            nargs="+",
            type=Path,
            metavar="FILE",
            help="what defines the actions; left out: tools_X.json beside actions_X.jsonl",
        )
        parser.add_argument(
            "--exchange",
            action="store_true",
            help="also put the actions of other tasks under each request, as injected ones nobody recorded",
        )
        parser.add_argument(
            "--alter",
            action="store_true",
            help="also try each harmless action that passes with one argument made another's",
        )
        parser.add_argument("--by", choices=["model", "task", "action"], help="also tell of each of them")
        parser.add_argument("--json", action="store_true", help="everything, with every disagreement")

    def handle(self, *args: Any, policies: list[Path], data: list[Path], **options: Any) -> None:
        told = []
        for policy in policies:
            try:
                told.append(self._one(policy, data, **options))
            except (policy_report.NoTools, replay.Unreadable) as error:
                raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(dict(told), indent=2, ensure_ascii=False))

    def _one(self, file: Path, data: list[Path], **options: Any) -> tuple[str, dict[str, Any]]:
        policy = _policy(file)
        found = _files(file.stem, data)
        known = policy_report.tools_in(options["tools"] or _beside(found))
        rows = list(policy_report.rows_of(found))
        report = policy_report.report(policy, rows, known)
        complete = report.as_json()
        if not options["json"]:
            self._tell(file.stem, report, options["by"])
        if options["exchange"]:
            exchanged = policy_report.report(policy, policy_report.exchanged(rows), known)
            complete["exchanged"] = exchanged.as_json()["injected"]
            if not options["json"]:
                self._tell_exchanged(exchanged)
        if options["alter"]:
            altered = alteration.tried(policy, report.everything, known)
            complete["altered"] = altered.as_json()
            if not options["json"]:
                self._tell_altered(altered)
        return file.stem, complete

    def _tell(self, name: str, report: Report, by: str | None) -> None:
        self.stdout.write(f"{name}: {len(report.policy.rules)} rules, {report.policy.digest}")
        self.stdout.write(f"  injected {_not_passed(report.injected)}")
        for kind in ("harmless", "matching", "others"):
            self.stdout.write(f"  {kind:8} {_passed(getattr(report, kind))}")
        for key, part in report.by(by).items() if by else ():
            self.stdout.write(f"    {key}")
            self.stdout.write(f"      injected {_not_passed(part.injected)}")
            self.stdout.write(
                f"      harmless {_passed(part.harmless)}; of the matching ones {_passed(part.matching)}"
            )
        for kind, found in report.disagreements().items():
            self._tell_disagreements(kind, found)

    def _tell_disagreements(self, kind: str, found: Sequence[Judged]) -> None:
        self.stdout.write(f"  {kind}: {len(found)}")
        if kind == "matching and not passed":
            return
        for judged in found[:MOST_SHOWN]:
            self.stdout.write(f"    {judged.row.id} {judged.row.action}: {', '.join(judged.reasons)}")
        if len(found) > MOST_SHOWN:
            self.stdout.write(f"    and {len(found) - MOST_SHOWN} more; --json has them all")

    def _tell_exchanged(self, report: Report) -> None:
        self.stdout.write(f"  exchanged {_not_passed(report.injected)}")
        self._tell_disagreements("exchanged and passed", report.injected.of(PASSED))

    def _tell_altered(self, altered: Alterations) -> None:
        self.stdout.write(f"  altered  {_share(altered.share)} passed")
        for place, found in altered.by_argument().items():
            self.stdout.write(f"    {place}: {_share(found)}")


def _policy(file: Path) -> Policy:
    try:
        text, digest = read(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error
    except Invalid as invalid:
        lines = [f"{each['pointer']} {each['detail']}".strip() for each in invalid.errors]
        raise CommandError("\n".join([f"{file} is not a policy:", *lines])) from invalid
    return Policy(text, digest)


def _files(name: str, data: Sequence[Path]) -> list[Path]:
    found = []
    for place in data:
        if place.is_dir():
            found += sorted(file for file in place.glob(f"actions_*_{name}.jsonl*") if file.is_file())
        elif place.is_file():
            found.append(place)
        else:
            raise CommandError(f"{place} is not there.")
    if not found:
        places = ", ".join(map(str, data))
        raise CommandError(f"There are no recorded actions for {name}: no actions_*_{name}.jsonl in {places}")
    return found


def _beside(files: Sequence[Path]) -> list[Path]:
    """The definitions that lie beside recorded actions, by their names."""
    names = [file.name.partition(".jsonl")[0].replace("actions_", "tools_", 1) for file in files]
    return [
        tools
        for file, name in zip(files, names, strict=True)
        if (tools := file.with_name(f"{name}.json")).exists()
    ]


def _not_passed(counts: Counts) -> str:
    outcomes = [outcome for outcome in OUTCOMES if outcome != PASSED]
    return f"{_share(counts.share(*outcomes))} did not pass ({_told(counts)})"


def _passed(counts: Counts) -> str:
    return f"{_share(counts.share(PASSED))} passed ({_told(counts)})"


def _told(counts: Counts) -> str:
    return ", ".join(f"{len(counts.of(outcome))} {outcome}" for outcome in OUTCOMES)


def _share(share: Share) -> str:
    if share.value is None:
        return "none"
    return f"{share.count} of {share.of} = {share.value:.3f} [{share.low:.3f}, {share.high:.3f}]"
