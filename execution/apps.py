from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "execution"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Policies below want to know what is there now, and the routes to ask stand here."""
        from execution.looking.beforehand import Beforehand
        from suggestions.past import looks

        looks.serve(Beforehand())
