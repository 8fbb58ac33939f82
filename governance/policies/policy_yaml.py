"""YAML that people write (policies, workflows), read so that every value knows where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from audit.ground.refusals import Invalid, pointer_of

LONGEST = 256 * 1024  # characters
MOST_LINES = 5_000
MOST_NODES = 20_000  # aliases counted as often as they are used
LONGEST_NUMBER = 100  # characters; some forms of long ones take minutes to read
DEEPEST = 20
_SPACE = " \t\r\n"
_ESCAPES = {"x": 4, "u": 6, "U": 10}
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXT_TAG = "tag:yaml.org,2002:str"


_READER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(NamedTuple):
    """Line and column, counted from 1."""

    line: int
    column: int


@dataclass
class Written:
    """What a text says, and where each value and each key of it stands, by JSON Pointer (RFC 6901)."""

    text: str
    content: Any = None
    values: dict[str, yaml.Node] = field(default_factory=dict)
    keys: dict[str, yaml.Node] = field(default_factory=dict)
    twice: list[dict[str, Any]] = field(default_factory=list)

    def place(self, pointer: str, *, of_key: bool = False) -> Place:
        """Where this value stands; where nothing is, what it would stand in."""
        while pointer and pointer not in self.values:
            pointer = pointer.rpartition("/")[0]
        node = (self.keys.get(pointer) if of_key else None) or self.values.get(pointer)
        return Place(node.start_mark.line + 1, node.start_mark.column + 1) if node else Place(1, 1)

    def inside(self, pointer: str, line: int, column: int) -> Place:
        """Where a place within a text stands in the file, however the text is quoted or folded."""
        node = self.values.get(pointer)
        if not isinstance(node, yaml.ScalarNode):
            return self.place(pointer)
        before = node.value.split("\n")[: line - 1]
        at = sum(len(one) + 1 for one in before) + column - 1
        return self.at(list(_sources(node, self.text))[min(at, len(node.value.rstrip()))])

    def is_plain(self, pointer: str) -> bool:
        """Whether it is a word without quotes that YAML takes for something else than text."""
        node = self.values.get(pointer)
        return isinstance(node, yaml.ScalarNode) and node.style is None and node.tag != _TEXT_TAG

    def as_written(self, pointer: str) -> str:
        node = self.values.get(pointer)
        return node.value if isinstance(node, yaml.ScalarNode) else ""

    def at(self, index: int) -> Place:
        line_begins = self.text.rfind("\n", 0, index) + 1
        return Place(self.text.count("\n", 0, index) + 1, index - line_begins + 1)


class _Loader(yaml.SafeLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            if (
                isinstance(node, yaml.ScalarNode)
                and len(node.value) > LONGEST_NUMBER
                and node.tag in _NUMBERS
            ):
                raise ValueError
            return super().construct_object(node, deep=deep)  # type: ignore[no-untyped-call]
        except (ValueError, OverflowError) as error:  # a date or number that there is not
            problem = f"{node.value[:40]} is no value that can be read"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


def load(text: str, what: str = "A policy") -> Written:
    """Read it. Raises `Invalid`, with the place, for what is not YAML or too much of it."""
    text = tidy(text)
    if len(text) > LONGEST or text.count("\n") > MOST_LINES:
        detail = f"{what} has at most {LONGEST:,} characters in {MOST_LINES:,} lines."
        raise _wrong(detail, Place(1, 1))
    written = Written(text)
    loader = None
    try:
        _count(text)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            _note(written, node)
            written.content = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _not_yaml(error, written) from error
    except RecursionError as error:
        raise _wrong("It is nested too deeply.", Place(1, 1)) from error
    finally:
        if loader is not None:
            loader.dispose()
    return written


def tidy(text: str) -> str:
    """Line ends as this system writes them; browsers send others."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _count(text: str) -> None:
    """Refuse what says too much before it is put together, which takes a hundred times as long."""
    try:
        for number, event in enumerate(yaml.parse(text, Loader=_READER)):
            if number > 2 * MOST_NODES:
                mark = event.start_mark
                raise _wrong(
                    "It says too much.", Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
                )
    except (yaml.YAMLError, UnicodeEncodeError):
        return  # told by the reader that knows the places better


def _note(written: Written, root: yaml.Node) -> None:
    """Write down where everything stands, and which keys stand twice."""
    waiting: list[tuple[tuple[Any, ...], yaml.Node]] = [((), root)]
    for count in range(MOST_NODES + 1):
        if not waiting:
            return
        path, node = waiting.pop()
        if count == MOST_NODES or len(path) > DEEPEST:
            raise _wrong("It is nested too deeply, or says too much.", _place_of(node))
        written.values[pointer_of(path)] = node
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*path, index), child) for index, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            waiting += [((*path, key.value), child) for key, child in _pairs(written, path, node)]


def _pairs(
    written: Written, path: tuple[Any, ...], node: yaml.MappingNode
) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    first: dict[str, yaml.Node] = {}
    for key, child in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT_TAG:
            raise _wrong(
                "A key has to be a word; put it in quotes if YAML takes it for another.", _place_of(key)
            )
        pointer = pointer_of((*path, key.value))
        if key.value in first:
            before = _place_of(first[key.value])
            detail = f"{key.value} stands twice; first in line {before.line}."
            written.twice.append(_error(pointer, detail, _place_of(key)))
            continue
        first[key.value] = written.keys[pointer] = key
        yield key, child


def _sources(node: yaml.ScalarNode, text: str) -> Iterator[int]:
    """For each character of a value the index of the source that it was written with; then the end's."""
    at = node.start_mark.index
    if node.style in ("|", ">"):
        at = text.find("\n", at) + 1
    elif node.style:
        at += 1
    for character in node.value:
        if character not in _SPACE:
            at = _past_space(node, text, at)
            yield at
            at += _length(node, text, at)
        else:  # a space may be a line's end where lines are folded
            yield at
            if text[at : at + 1] == character:
                at += 1
            elif node.style == '"' and text[at : at + 1] == "\\":
                at += _length(node, text, at)
    yield at


def _past_space(node: yaml.ScalarNode, text: str, at: int) -> int:
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
        elif node.style == '"' and text[at : at + 2] == "\\\n":
            at += 2
        else:
            break
    return at


def _length(node: yaml.ScalarNode, text: str, at: int) -> int:
    """How many characters of the source make one of the value."""
    if node.style == '"' and text[at : at + 1] == "\\":
        return _ESCAPES.get(text[at + 1 : at + 2], 2)
    return 2 if node.style == "'" and text[at : at + 2] == "''" else 1


def _place_of(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _error(pointer: str, detail: str, place: Place) -> dict[str, Any]:
    return {"pointer": pointer, "detail": detail, "line": place.line, "column": place.column}


def _wrong(detail: str, place: Place) -> Invalid:
    return Invalid([_error("", detail, place)])


def _not_yaml(error: yaml.YAMLError, written: Written) -> Invalid:
    if isinstance(error, yaml.reader.ReaderError):
        detail = f"The character U+{ord(written.text[error.position]):04X} may not stand in YAML."
        return _wrong(detail, written.at(error.position))
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    return _wrong(
        f"This is not YAML: {problem}.", Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    )
