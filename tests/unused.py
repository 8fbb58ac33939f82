"""Code that nobody uses any more, as vulture finds it; `make lint` asks.

What only tests use is unused too. Vulture reads Python alone: what templates name, what is named as text
("approvals.apps.Config") and the columns of tables, which SQL reads, are told to it here. What frameworks
find by its name stands in `pyproject.toml`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import Path
from typing import Any

from vulture.config import make_config
from vulture.core import Item, Vulture
from vulture.utils import ExitCode

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    config = make_config([])
    found = [*_unused(config, config["paths"]), *_unused_by_tests(config)]
    for item in found:
        print(f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: {item.message}")
    return ExitCode.DeadCode if found else ExitCode.NoDeadCode


def _unused(config: dict[str, Any], paths: list[str]) -> list[Item]:
    finder = Vulture(ignore_names=config["ignore_names"], ignore_decorators=config["ignore_decorators"])
    finder.scavenge([str(ROOT / path) for path in paths], exclude=config["exclude"])
    named = {
        name for name in _named_elsewhere(config["paths"]) if name.isidentifier() and not iskeyword(name)
    }
    finder.scan("\n".join(f"_.{name}" for name in named), filename=ROOT / "templates")
    return [
        item
        for item in finder.get_unused_code(min_confidence=config["min_confidence"])
        if not _is_setting(item) and not _is_field_or_argument(item)
    ]


def _unused_by_tests(config: dict[str, Any]) -> list[Item]:
    """Helpers of tests. Their methods are called by name, and what they set is read by what they test."""
    everything = _unused(config, [*config["paths"], "tests"])
    tests = [item for item in everything if ROOT / "tests" in item.filename.parents]
    return [item for item in tests if item.typ not in ("attribute", "method")]


def _is_setting(item: Item) -> bool:
    return item.filename.name.endswith("settings.py") and item.name.isupper()


def _is_field_or_argument(item: Item) -> bool:
    """Forms, bodies and answers hold fields; frameworks give arguments; names within functions are ruff's."""
    line = item.filename.read_text(encoding="utf-8").splitlines()[item.first_lineno - 1]
    return item.typ == "variable" and not line.startswith(item.name)


def _named_elsewhere(paths: list[str]) -> Iterator[str]:
    for template in (ROOT / "templates").rglob("*.html"):
        for tag in re.findall(r"\{[{%].*?[}%]\}", template.read_text(encoding="utf-8")):
            yield from re.findall(r"\w+", tag)
    for file in (file for path in paths for file in (ROOT / path).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        yield from re.findall(rf'"(?:{"|".join(paths)})\.[\w.]+[.:](\w+)"', text)
        if file.parent.name == "models":
            yield from re.findall(r"^    (\w+)(?:: .*)? = models\.", text, re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
