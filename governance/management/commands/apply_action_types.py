from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from governance.actions import action_types
from governance.actions.action_types import Problem
from governance.actions.changes import NeedsConsent, Registered


class Command(BaseCommand):
    help = (
        "Register the action types in a JSON file: all of them, or none when one is refused. "
        "What did not change stays as it is. The last line printed is how many there are in the file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file",
            type=Path,
            help="a list of {name, description, schema, annotations, reversibility, data_classes, template, "
            "workflow}, what an MCP server answers to tools/list, or tools in OpenAI's or Anthropic's form",
        )
        parser.add_argument("--source", default="", help="the server that they come from, such as github-mcp")
        parser.add_argument("--skip-wrong", action="store_true", help="tell what is wrong, and take the rest")
        parser.add_argument(
            "--accept-milder",
            action="store_true",
            help="also where a type that is there would count as less dangerous than now",
        )
        parser.add_argument(
            "--take-over", action="store_true", help="also where a name was taken from another source before"
        )

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            found = action_types.read(file.read_text(encoding="utf-8"))
            tools, problems = action_types.sifted(found.tools)
            if problems and not options["skip_wrong"]:
                raise CommandError(_told(file, problems))
            done = action_types.register_all(
                tools,
                actor=SYSTEM,
                source=options["source"],
                accept_milder=options["accept_milder"],
                take_over=options["take_over"],
            )
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        except NeedsConsent as refusal:
            raise CommandError(
                f"{file}: {refusal.detail.replace(refusal.flag, f'--{refusal.flag}')}"
            ) from refusal
        except action_types.InvalidActionType as error:
            raise CommandError(f"{file}: {error}") from error
        for problem in problems:
            self.stderr.write(f"left out: {problem}")
        for note in found.notes:
            self.stderr.write(note)
        for one in done:
            self.stdout.write(_line(one))
        self.stdout.write(str(len(done)))


def _line(one: Registered) -> str:
    if not one.new:
        return f"{one.action_type} unchanged"
    return f"{one.action_type} {'registered' if one.change.before is None else one.change.in_words}" + (
        f" — LESS DANGEROUS THAN BEFORE: {', '.join(one.change.milder)}" if one.change.milder else ""
    )


def _told(file: Path, problems: Sequence[Problem]) -> str:
    lines = "\n".join(f"  {problem}" for problem in problems)
    tools = len({problem.index for problem in problems})
    begin = f"{file}: nothing was registered, for {tools} of its tools can’t be (--skip-wrong takes the rest)"
    return f"{begin}:\n{lines}"
