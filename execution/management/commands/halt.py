from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid, Refusal
from governance.models import Halt, User
from governance.trust import halts


class Command(BaseCommand):
    help = "Throw a kill switch: nothing in its scope begins to execute. The last line printed is its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("scope", choices=Halt.Scope.values)
        parser.add_argument("name", nargs="?", default="", help="of the agent or the action type")
        parser.add_argument("--reason", required=True, help="everybody will read it")
        parser.add_argument("--as", dest="by", metavar="USER", default="", help="who throws it")

    def handle(self, *args: Any, scope: str, name: str, reason: str, by: str, **options: Any) -> None:
        person = person_who("governance.throw_halt", by) if by else None
        try:
            halt = halts.throw_named(
                scope=scope,
                agent=name if scope == Halt.Scope.AGENT else "",
                action=name if scope != Halt.Scope.AGENT else "",
                reason=reason,
                by=person,
                actor=person.as_actor() if person else SYSTEM,
            )
        except Invalid as refusal:
            raise CommandError(" ".join(error["detail"] for error in refusal.errors)) from refusal
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"Stopped: {halt.what}. What is in the middle of an attempt finishes that.")
        self.stdout.write(str(halt.pk))


def person_who(may: str, name: str) -> User:
    """The person of that name, who has to hold this permission."""
    person = User.objects.filter(username=name, is_active=True).first()
    if person is None or not person.has_perm(may):
        raise CommandError(f"There is nobody called {name} who may do this.")
    return person
