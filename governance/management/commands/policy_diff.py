from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.refusals import Invalid
from governance.policies import policy
from governance.policies.diff import Line, of_texts
from governance.policies.find import named

_SIGNS = {"same": " ", "removed": "-", "added": "+", "skipped": "@"}


class Command(BaseCommand):
    help = (
        "Say what changes from one policy to another, in words and line by line. Each is a version's id, "
        "as long as tells it from others, `active`, or a file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("a")
        parser.add_argument("b")

    def handle(self, *args: Any, a: str, b: str, **options: Any) -> None:
        found = of_texts(_text(a), _text(b))
        for sentence in found.sentences or ["They say the same."]:
            self.stdout.write(sentence)
        self.stdout.write("")
        for line in found.lines:
            self.stdout.write(_line(line))


def _text(name: str) -> str:
    if version := named(name):
        return version.text
    file = Path(name)
    if not file.is_file():
        raise CommandError(f"{name} is neither the beginning of one version's id nor a file.")
    try:
        text = file.read_text(encoding="utf-8")
        policy.read(text)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name} cannot be read: {error}") from error
    except Invalid as error:
        first = error.errors[0]
        raise CommandError(f"{name}:{first['line']}:{first['column']}: {first['detail']}") from error
    return text


def _line(line: Line) -> str:
    return f"{_SIGNS[line.kind]} {line.text}"
