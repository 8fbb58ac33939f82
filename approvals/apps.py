from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What can't be carried out comes back to those who decide, whose words stand here."""
        from approvals.deciding.edits import admit
        from approvals.deciding.undo import come_back
        from execution.holding.returning import Deciders, serve

        serve(Deciders(come_back, admit))
