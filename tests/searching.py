"""How long a search for counter-examples goes on: a quarter in every run, all of it with THOROUGH=1."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

T = TypeVar("T")


def examples(full: int) -> int:
    return full if os.environ.get("THOROUGH") == "1" else max(10, full // 4)


def some(values: Sequence[T], place: int) -> list[T]:
    """Every third of these, other ones at each place; all of them with THOROUGH=1."""
    return list(values) if os.environ.get("THOROUGH") == "1" else list(values[place % 3 :: 3])


def searched(full: int, *, suppress: list[HealthCheck] | None = None) -> Callable[[Any], Any]:
    """Mark a property: `full` examples where there is time (`make thorough`), fewer in the daily run."""

    def decorate(test: Any) -> Any:
        bounded = settings(
            max_examples=examples(full),
            deadline=None,
            suppress_health_check=suppress or [HealthCheck.function_scoped_fixture],
        )
        return pytest.mark.thorough(bounded(test))

    return decorate
