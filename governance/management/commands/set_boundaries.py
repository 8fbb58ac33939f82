import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from governance.agents import boundaries
from governance.agents.agents import set_boundaries
from governance.models import Agent


class Command(BaseCommand):
    help = "Set what an agent may ask for at all. The last line printed says whether that changed anything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("agent")
        parser.add_argument("file", help="YAML as in examples/boundaries.yaml; - reads standard input")

    def handle(self, *args: Any, agent: str, file: str, **options: Any) -> None:
        found = Agent.objects.filter(name=agent).first()
        if found is None:
            raise CommandError(f"There is no agent {agent}.")
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text()
            limits = boundaries.read(yaml.safe_load(text))
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} can't be read: {error}") from error
        except yaml.YAMLError as error:
            raise CommandError(f"This is not YAML: {' '.join(str(error).split())}") from error
        except Invalid as error:
            raise CommandError("; ".join(f"{e['pointer']}: {e['detail']}" for e in error.errors)) from error
        changed = set_boundaries(found, limits, actor=SYSTEM)
        self.stdout.write(f"{found.name}: {'set' if changed else 'unchanged'}")
