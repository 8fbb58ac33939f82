from __future__ import annotations

import pytest
from django.template import Context, Template


@pytest.mark.parametrize(
    ("source", "value", "said"),
    [
        ("{{ x|stated }}", None, "not stated"),
        ("{{ x|stated }}", 0, "0.00"),
        ("{{ x|stated }}", 0.875, "0.88"),
        ("{{ x|stated }}", 1.0, "1.00"),
        ("{{ x|seconds }}", 12.4, "12 s"),
        ("{{ x|seconds }}", 0, "0 s"),
    ],
)
def test_a_figure_reads_as_people_read_it(source: str, value: float | None, said: str) -> None:
    assert Template(source).render(Context({"x": value})) == said
