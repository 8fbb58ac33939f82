from typing import Any

from django.core.management.base import BaseCommand

from governance.models import PolicyVersion
from governance.policies.find import scored, short


class Command(BaseCommand):
    help = "List the versions of the policy, the newest first: id, state, author, when, score, note."

    def handle(self, *args: Any, **options: Any) -> None:
        versions = PolicyVersion.objects.select_related("author").order_by("-created_at", "-digest")
        for version in versions.iterator():
            author = version.author.username if version.author else "-"
            state = f"{version.status}{' shadow' if version.shadow else ''}"
            columns = [
                short(version.pk),
                f"{state:<16}",
                f"{author:<16}",
                f"{version.created_at:%Y-%m-%d %H:%M}",
            ]
            rest = [text for text in (scored(version.score), version.note) if text]
            self.stdout.write("  ".join([*columns, *rest]))
