from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from governance.door import links
from governance.models import User


class Command(BaseCommand):
    help = "Make a link with which a person chooses a new password. The last line printed, shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the person signs in with")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name}.")
        try:
            token = links.make(user, by=None, actor=SYSTEM)
        except links.LinkRefused as refusal:
            raise CommandError(refusal.detail) from refusal
        link = links.find(token)
        self.stdout.write(
            f"A link for {user.printed_name}, good once until {link.expires_at:%Y-%m-%d %H:%M} UTC:"
        )
        self.stdout.write(links.address_of(token))
