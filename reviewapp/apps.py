from django.apps import AppConfig

import reviewapp.celery  # noqa: F401 - whose application is the one that tasks are sent with


class ReviewappConfig(AppConfig):
    name = "reviewapp"

    def ready(self) -> None:
        from reviewapp import checks  # noqa: F401 - registers them
        from reviewapp.accounts import leaving, second_factors  # noqa: F401 - registers them
        from reviewapp.connections import look_after_requests
        from reviewapp.web import openapi  # noqa: F401 - registers them

        look_after_requests()
