from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class GovernanceConfig(AppConfig):
    name = "governance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.ground import digests  # noqa: F401 - `<digest:…>` in addresses
        from governance.door import roles

        post_migrate.connect(_hand_out, dispatch_uid="governance.door.roles.hand_out")
        post_migrate.connect(roles.make_default_team, sender=self, dispatch_uid="governance.door.roles.team")


def _hand_out(**kwargs: Any) -> None:
    from governance.door import roles

    roles.hand_out(**kwargs)
