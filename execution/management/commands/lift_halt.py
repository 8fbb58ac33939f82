from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.refusals import Invalid, Refusal
from execution.halting import release
from execution.management.commands.halt import person_who
from governance.models import Halt


class Command(BaseCommand):
    help = "Lift a kill switch, as an operator and with a reason. What it held goes on at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("scope", choices=Halt.Scope.values)
        parser.add_argument("name", nargs="?", default="", help="of the agent or the action type")
        parser.add_argument("--reason", required=True, help="why it may go on")
        parser.add_argument("--as", dest="by", metavar="USER", required=True, help="an operator")

    def handle(self, *args: Any, scope: str, name: str, reason: str, by: str, **options: Any) -> None:
        person = person_who("governance.lift_halt", by)
        of = {Halt.Scope.AGENT: {"agent__name": name}, Halt.Scope.ACTION: {"action": name}}
        halt = Halt.objects.on().filter(scope=scope, **of.get(Halt.Scope(scope), {})).first()
        if halt is None:
            raise CommandError("No such kill switch is on.")
        try:
            lifted = release.lift(halt, reason=reason, by=person, actor=person.as_actor())
        except Invalid as refusal:
            raise CommandError(" ".join(error["detail"] for error in refusal.errors)) from refusal
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"Lifted for {lifted.what}.")
        self.stdout.write(str(lifted.pk))
