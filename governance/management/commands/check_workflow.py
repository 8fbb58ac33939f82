"""A workflow kept in a file, checked before it is sent."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.models import ActionType
from governance.workflows.check import check


class Command(BaseCommand):
    help = "Say what is wrong with a workflow in YAML or JSON, and where (file:line:column). Stores nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--action", required=True, metavar="NAME", help="whose workflow it is to be")

    def handle(self, *args: Any, file: Path, action: str, **options: Any) -> None:
        found = check(_read(file), _type(action))
        for warning in found.warnings:
            self.stdout.write(f"{_line(file, warning)} (a warning)")
        if found.errors or found.plan is None:
            raise CommandError("\n".join(_line(file, error) for error in found.errors))
        count = len(found.plan.steps)
        self.stdout.write(f"{file} is right: {count} step{'s' * (count != 1)}.")


def _type(action: str) -> ActionType:
    found = ActionType.objects.current().filter(name=action).first()
    if found is None:
        raise CommandError(f"There is no action type {action}.")
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error


def _line(file: Path, error: dict[str, Any]) -> str:
    return f"{file}:{error['line']}:{error['column']}: {error['detail']}"
