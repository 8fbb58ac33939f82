from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

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
            'workflow}, of OpenAI functions, or {"tools": [...]}',
        )

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            definitions = action_types.parse(file.read_text(encoding="utf-8"))
            with transaction.atomic():
                done = [action_types.register(definition, actor=SYSTEM) for definition in definitions]
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        except action_types.InvalidActionType as error:
            raise CommandError(f"{file}: {error}") from error
        for action_type, changed in done:
            self.stdout.write(f"{action_type} {'registered' if changed else 'unchanged'}")
        self.stdout.write(str(len(done)))
