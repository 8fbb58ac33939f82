"""What is known of an action's arguments by their names alone: made once for all that have the same names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from governance.schemas.data_classes import Place
from governance.showing import figures
from governance.showing.labels import Schema, labels, ordered
from governance.showing.names import lowered
from governance.showing.values import label

MOST_KEPT = 64  # shapes of one action type


@dataclass(frozen=True, slots=True)
class Left:
    """An argument that no template names as a whole; `named` are the paths of those of its parts that are."""

    name: str
    called: str
    decides: bool
    named: list[Place]


@dataclass(frozen=True, slots=True)
class Shape:
    """The schemas that hold, the labels, what a template leaves over, and where its places are."""

    parts: list[Schema]
    called: dict[str, str]
    left: list[Left]
    places: list[Place]
    figures: figures.Candidates


def shape_of(parts: list[Schema], names: Collection[str], template: Sequence[str]) -> Shape:
    """`template` are the paths that a template names: "order_id", "customer.name"."""
    called = labels(parts, names)
    order = ordered(parts, names)
    places: list[Place] = [(path,) if path in names else tuple(path.split(".")) for path in template]
    left = []
    for name in order:
        named = [place[1:] for place in places if place[0] == name]
        if () not in named:
            left.append(Left(name, said(parts, name, called[name]), figures.decides(name), named))
    return Shape(parts, called, left, places, figures.candidates(parts, order))


def said(parts: Sequence[Schema], name: str, called: str) -> str:
    """A label as it stands in the middle of a sentence; set off where the schema does not know the name."""
    return label(lowered(called), known=any(name in part.get("properties", {}) for part in parts))
