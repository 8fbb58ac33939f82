from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What a worker finds changed comes back to those who decide, whose words stand here."""
        from approvals.deciding.undo import come_back
        from execution.looking import stale

        stale.serve(come_back)
