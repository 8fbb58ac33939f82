from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid, Refusal
from governance.models import Agent, Incident
from governance.trust.autonomy import raise_alarm


class Command(BaseCommand):
    help = (
        "Say that something is wrong with an agent: it goes back to stage 2 at once, for one action or for "
        "all, and an incident is opened, whose id is the last line printed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("agent")
        parser.add_argument("--action", default="", help="the name of an action type; left out: every one")
        parser.add_argument("--kind", choices=["drift", "reported"], default="drift")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, agent: str, action: str, kind: str, reason: str, **options: Any) -> None:
        found = Agent.objects.filter(name=agent).first()
        if found is None:
            raise CommandError(f"There is no agent {agent}.")
        try:
            incident = raise_alarm(found, action, reason, actor=SYSTEM, kind=Incident.Kind(kind))
        except Invalid as error:
            raise CommandError(error.errors[0]["detail"]) from error
        except Refusal as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{agent}: an incident is open ({incident.get_kind_display()}).")
        self.stdout.write(str(incident.pk))
