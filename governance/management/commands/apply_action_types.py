from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import SYSTEM
from governance import action_types


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
            "workflow}, what an MCP server answers to tools/list, or functions in OpenAI's form",
        )

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            found = action_types.read(file.read_text(encoding="utf-8"))
            done = action_types.register_all(found.tools, actor=SYSTEM)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        except action_types.InvalidActionType as error:
            raise CommandError(f"{file}: {error}") from error
        for note in found.notes:
            self.stderr.write(note)
        for action_type, changed in done:
            self.stdout.write(f"{action_type} {'registered' if changed else 'unchanged'}")
        self.stdout.write(str(len(done)))
