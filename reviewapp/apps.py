from django.apps import AppConfig


class ReviewappConfig(AppConfig):
    name = "reviewapp"

    def ready(self) -> None:
        from reviewapp import checks, leaving, openapi, second_factors  # noqa: F401 - registers them
