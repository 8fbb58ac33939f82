from typing import Any

from django.core.management.base import BaseCommand

from audit.log.events_page import events_page


class Command(BaseCommand):
    help = "Print every type of event that can be in the log, as Markdown: the text of docs/events.md."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(events_page(), ending="")
