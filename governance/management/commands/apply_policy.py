from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import SYSTEM
from audit.refusals import Invalid
from governance.apply_policy import apply


class Command(BaseCommand):
    help = (
        "Put the policy in a YAML file in force; the one before it is kept. "
        "The last line printed is the version's id, the digest of what it says."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            version = apply(file.read_text(encoding="utf-8"), actor=SYSTEM)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        except Invalid as error:
            raise CommandError("\n".join(_line(file, e) for e in error.errors)) from error
        self.stdout.write(f"{file} is in force:")
        self.stdout.write(version.digest)


def _line(file: Path, error: dict[str, str]) -> str:
    return " ".join(part for part in (f"{file}:", error["pointer"], error["detail"]) if part)
