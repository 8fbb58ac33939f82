"""A workflow as a picture: where each box, word and arrow stands. A template makes SVG of it.

What kind of thing a box is says its shape and its title; colour says nothing that they don't.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

from governance.actions.workflow import InvalidWorkflow, Workflow, parse
from governance.workflows.in_words import Block, Line, Part, blocks, limits

WIDTH = 360
_EDGE, _PAD, _INSET, _GAP = 4, 12, 10, 30
_LINE = 16  # from one line of text to the next
_LETTER, _CODE_LETTER = 6.3, 6.9  # about how wide a letter is
_STATES = {
    "completed": "✓ completed",
    "running": "▶ running",
    "waiting": "… waiting",
    "skipped": "– skipped",
    "failed": "✕ failed",
}


class Box(NamedTuple):
    """`shape` says what it is: begin, end, look, premise, step, route, question, wait, undo."""

    shape: str
    x: float
    y: float
    width: float
    height: float
    state: str = ""

    @property
    def inner(self) -> Box:
        """The second line of what is waited for."""
        return self._replace(x=self.x + 3, y=self.y + 3, width=self.width - 6, height=self.height - 6)

    @property
    def outline(self) -> str:
        """Six corners, for a condition."""
        x, y, right, bottom, cut = self.x, self.y, self.x + self.width, self.y + self.height, 10
        corners = [(x + cut, y), (right - cut, y), (right, y + cut), (right, bottom - cut)]
        corners += [(right - cut, bottom), (x + cut, bottom), (x, bottom - cut), (x, y + cut)]
        return " ".join(f"{a:g},{b:g}" for a, b in corners)

    @property
    def rounding(self) -> float:
        return {"begin": self.height / 2, "end": self.height / 2, "look": 14, "question": 14}.get(
            self.shape, 5
        )


class Text(NamedTuple):
    x: float
    y: float
    label: str
    text: str
    kind: str  # title, part, plain, code


class Arrow(NamedTuple):
    x: float
    y: float
    end: float

    @property
    def path(self) -> str:
        return f"M{self.x:g} {self.y:g}V{self.end:g}m-4 -6l4 6l4 -6"


@dataclass
class Picture:
    """Ready to be drawn; `title` and `description` say the same in words."""

    key: str
    title: str = ""
    description: str = ""
    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    width: int = WIDTH


def picture(workflow: Any, states: Mapping[str, str] | None = None) -> Picture | None:
    """The picture of a workflow, as it was read or as it is kept; None where it can't be read any more.

    `states` says of steps, by their names, how they stand in one execution: completed, running, waiting,
    skipped, failed, or any other word.
    """
    try:
        plan = workflow if isinstance(workflow, Workflow) else parse(workflow)
    except InvalidWorkflow:
        return None
    return _Drawing(plan, states or {}).picture


class _Drawing:
    """Draws from top to bottom; `y` is where the next thing begins."""

    def __init__(self, plan: Workflow, states: Mapping[str, str]) -> None:
        self.states = states
        told = list(blocks(plan))
        self.picture = Picture(
            key=f"workflow-{crc32(repr((told, states)).encode()):08x}", limits=limits(plan)
        )
        self.y: float = _EDGE
        self._pill("begin", "Approved")
        for block in told:
            self._arrow()
            self._block(block)
        self._arrow()
        self._pill("end", "Done")
        count = len(plan.steps)
        self.picture.title = f"The workflow: {count} step{'s' * (count != 1)}"
        self.picture.description = " ".join(
            [*(block.sentence + self._state_said(block) for block in told), *self.picture.limits]
        )
        self.picture.height = self.y + _EDGE

    def _pill(self, shape: str, word: str) -> None:
        width, height = 96, 28
        x = (WIDTH - width) / 2
        self.picture.boxes.append(Box(shape, x, self.y, width, height))
        self.picture.texts.append(Text(WIDTH / 2, self.y + 18, "", word, "pill"))
        self.y += height

    def _arrow(self) -> None:
        self.picture.arrows.append(Arrow(WIDTH / 2, self.y + 2, self.y + _GAP - 2))
        self.y += _GAP

    def _block(self, block: Block) -> None:
        begin, at = self.y, len(self.picture.boxes)
        state = self.states.get(block.name, "")
        self.y += _PAD - 2
        x, room = _EDGE + _PAD, WIDTH - 2 * (_EDGE + _PAD)
        self._line(Line("", block.title), x, room, "title")
        if state:
            self._line(Line("", _STATES.get(state, state)), x, room, "part")
        for said in block.lines:
            self._line(said, x, room)
        for number, part in enumerate(block.parts):
            self.y += 6 if number or block.lines else 4
            self._part(part)
        self.y += _PAD - 2
        # Boxes lie in the order in which they are drawn: this one under those within.
        box = Box(
            block.shape, _EDGE, begin, WIDTH - 2 * _EDGE, self.y - begin, state if state in _STATES else ""
        )
        self.picture.boxes.insert(at, box)

    def _part(self, part: Part) -> None:
        begin, x = self.y, _EDGE + _PAD
        self.y += _INSET - 3
        room = WIDTH - 2 * (x + _INSET)
        self._line(Line("", part.title), x + _INSET, room, "part")
        for said in part.lines:
            self._line(said, x + _INSET, room)
        self.y += _INSET - 3
        self.picture.boxes.append(Box(part.shape, x, begin, WIDTH - 2 * x, self.y - begin))

    def _line(self, said: Line, x: float, room: float, kind: str = "") -> None:
        kind = kind or ("code" if said.code else "plain")
        letter = _CODE_LETTER if said.code or kind == "title" else _LETTER
        taken = len(said.label) * _LETTER + 4 if said.label else 0
        for number, text in enumerate(_wrapped(said.text, room / letter, taken / letter)):
            self.y += _LINE
            self.picture.texts.append(Text(x, self.y - 4, "" if number else said.label, text, kind))

    def _state_said(self, block: Block) -> str:
        state = self.states.get(block.name, "")
        return f" It is {state}." if state else ""


def _wrapped(text: str, most: float, taken: float) -> Iterator[str]:
    """Lines of so many letters, the first with fewer; broken after blanks and slashes where there are any."""
    line, room = "", most - taken
    for piece in _pieces(text, most / 4):
        if line and _width(line + piece.rstrip()) > room:
            yield line.rstrip()
            line, room = "", most
        line += piece
    yield line.rstrip()


def _pieces(text: str, longest: float) -> Iterator[str]:
    """What is not torn apart: words, parts of a path; of very long ones so many letters."""
    piece = ""
    for letter in text:
        piece += letter
        if letter in " /,&" or _width(piece) >= longest:
            yield piece
            piece = ""
    if piece:
        yield piece


def _width(text: str) -> int:
    """In letters of Latin; those of Chinese, Japanese and Korean take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
