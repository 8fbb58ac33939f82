"""What somebody changed in arguments: a list that says of each place what stood there and what stands now.

Pointers are those of RFC 6901. The list is in the order in which it is carried out; carried out, it gives
the edited arguments back, to the digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from audit.ground.canonical import canonical

Change = dict[str, Any]  # {"pointer", "kind": "changed" | "added" | "removed", "from"?, "to"?}


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """What leads from one to the other; empty where they are the same action."""
    return list(_between(before, after, ""))


def same(one: Any, other: Any) -> bool:
    """Are they one value, as the digest has it? 54.0 is 54, true is not 1."""
    return canonical([one]) == canonical([other])


def pointer(parts: Sequence[str | int]) -> str:
    """The RFC 6901 pointer of a place."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def parts(pointer: str) -> list[str]:
    """The steps of a pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _between(before: Any, after: Any, place: str) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _objects(before, after, place)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(before, after, place)
    elif not same(before, after):
        yield {"pointer": place, "kind": "changed", "from": before, "to": after}


def _objects(before: dict[str, Any], after: dict[str, Any], place: str) -> Iterator[Change]:
    for name, value in before.items():
        here = place + pointer([name])
        if name in after:
            yield from _between(value, after[name], here)
        else:
            yield {"pointer": here, "kind": "removed", "from": value}
    for name, value in after.items():
        if name not in before:
            yield {"pointer": place + pointer([name]), "kind": "added", "to": value}


def _lists(before: list[Any], after: list[Any], place: str) -> Iterator[Change]:
    """What both begin and end with stays; of the rest one stands for the other, place by place."""
    begin = _alike(before, after)
    end = _alike(before[begin:][::-1], after[begin:][::-1])
    old, new = before[begin : len(before) - end], after[begin : len(after) - end]
    for index, (was, now) in enumerate(zip(old, new, strict=False), start=begin):
        yield from _between(was, now, f"{place}/{index}")
    for index in range(begin + len(old) - 1, begin + len(new) - 1, -1):
        yield {"pointer": f"{place}/{index}", "kind": "removed", "from": before[index]}
    for index in range(begin + len(old), begin + len(new)):
        yield {"pointer": f"{place}/{index}", "kind": "added", "to": after[index]}


def _alike(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many of the first are the same."""
    count = 0
    for was, now in zip(one, other, strict=False):
        if not same(was, now):
            break
        count += 1
    return count
