"""What is done to a process of the product when it starts, from outside: mutants, and stops by order."""

from __future__ import annotations

import os

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    name = "tests.faults"
    label = "faults"

    def ready(self) -> None:
        from tests.faults import mutants, points

        if mutant := os.environ.get("FAULTS_MUTANT"):
            mutants.MUTANTS[mutant].apply()
        if orders := os.environ.get("FAULTS_ORDERS"):
            points.obey(orders)
