"""What remains of a workflow once its broken parts are set aside, so that the others can be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from governance.actions.credentials import Path
from governance.actions.workflow import Mistake, is_step_name

_FREE = frozenset(("with", "body", "arguments", "headers", "show"))  # members of which others may speak


def without_members(content: Any, broken: Iterable[Path]) -> Any:
    """The same without just these members; None where that would leave others without what they speak of."""
    rest = deepcopy(content)
    for path in broken:
        if not path or not isinstance(path[-1], str) or path in (("look",), ("steps",)):
            return None
        try:
            _set_aside(rest, path)
        except (LookupError, TypeError):
            return None
    return rest


def _set_aside(content: Any, path: Path) -> None:
    *above, last = path
    holder = content
    for name in above:
        holder = holder[name]
    if above and above[-1] in _FREE:
        holder[last] = "x"
    else:
        del holder[last]


def parts_of(found: Iterable[Mistake]) -> set[Path]:
    """The steps and other members that these mistakes are in."""
    return {mistake.path[: 1 + (mistake.path[:1] == ("steps",))] for mistake in found}


def without(content: Any, broken: set[Path]) -> Any:
    """The same with something right in the place of what is not: the rest stays where it is."""
    if not isinstance(content, dict):
        return content
    rest = {name: value for name, value in content.items() if (name,) not in broken or name == "steps"}
    if ("look",) in broken:
        rest["look"] = {"route": {"kind": "python", "callable": "none"}}
    if isinstance(steps := rest.get("steps"), list):
        rest["steps"] = []
        for index, step in enumerate(steps):
            rest["steps"].append(_by_hand(step, rest["steps"]) if ("steps", index) in broken else step)
    return rest


def _by_hand(step: Any, before: list[Any]) -> dict[str, Any]:
    """A step in the place of one that is broken, with its name where it has one of its own."""
    name = step.get("name") if isinstance(step, dict) else None
    taken = [one.get("name") for one in before if isinstance(one, dict)]
    is_name = isinstance(name, str) and is_step_name(name) and name not in taken
    return {"name": name if is_name else f"step-{len(before) + 1}", "routes": [{"kind": "handback"}]}
