"""The forms in which others describe tools, turned into our own definition of an action type.

MCP's `tools/list` (the plain result or its JSON-RPC envelope), OpenAI's functions (nested, as Chat
Completions has them; flat, as Responses has them; the older `functions`) and Anthropic's tools
(`input_schema`), also mixed in one file. Beside what such a form has, a tool may carry members of ours:
reversibility, data_classes, template, workflow. What a form has no use for is left aside and told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

OURS = {"reversibility", "data_classes", "template", "workflow"}
DEFINITION = {"name", "description", "schema", "annotations", *OURS}
HINTS = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
SCHEMAS = {"inputSchema": "MCP", "input_schema": "Anthropic", "parameters": "OpenAI"}
# Known to the forms, and of no use here: results, looks, the protocol, how a model is to call it.
ELSE = {
    "title",
    "outputSchema",
    "icons",
    "execution",
    "_meta",
    "strict",
    "type",
    "cache_control",
    "input_examples",
    "defer_loading",
    "allowed_callers",
    "eager_input_streaming",
}
EFFECT = "x-effect"
EFFECTS = {"read", "external_read", "write", "handoff"}
TYPES = {"function", "custom"}  # of tools that a program of one's own carries out


class BadForm(ValueError):
    """What is wrong: of which tool, where in it."""

    def __init__(self, name: str, path: str, problem: str) -> None:
        self.name, self.path, self.problem = name, path, problem
        super().__init__(f"{name}: {path}: {problem}")


@dataclass
class ToolsOfAFile:
    """The tools of a file, as they stand in it, and what the reader should know of the file."""

    tools: list[Any]
    notes: list[str] = field(default_factory=list)


@dataclass
class Ours:
    """A tool in our own form; `schema_path` is where its schema stood, for whoever looks it up."""

    definition: dict[str, Any]
    schema_path: str = "schema"
    notes: list[str] = field(default_factory=list)
    mistakes: list[tuple[str, str]] = field(default_factory=list)


def tools_in(content: Any) -> ToolsOfAFile:
    """The tools in a file's JSON. Raises `BadForm`."""
    if isinstance(content, list):
        return ToolsOfAFile(content)
    if isinstance(content, dict) and "jsonrpc" in content:
        if "error" in content or not isinstance(content.get("result"), dict):
            raise BadForm("file", "", "is a JSON-RPC message without a result of tools/list")
        content = content["result"]
    if isinstance(content, dict):
        for member in ("tools", "functions", "action_types"):
            if isinstance(content.get(member), list):
                return ToolsOfAFile(content[member], _notes(content))
        if isinstance(content.get("result"), dict):
            return tools_in(content["result"])
        if "name" in content or "function" in content:  # one by itself
            return ToolsOfAFile([content])
    raise BadForm("file", "", 'must hold an action type, a list of them, or {"tools": [...]}')


def _notes(content: dict[str, Any]) -> list[str]:
    if content.get("nextCursor"):
        return ["The list goes on: nextCursor says that the server has more tools than are in here."]
    return []


def ours(tool: dict[str, Any]) -> Ours:
    """A tool in our own form, what of it was left aside, and what can't be read: each with its path."""
    if "schema" in tool:
        return _own(tool)
    if "function" in tool and tool.get("type", "function") == "function":
        inner = tool["function"]
        if not isinstance(inner, dict):
            return Ours({}, mistakes=[("function", "must be an object with a name")])
        twice = [word for word in ("name", "description") if word in tool]
        beside = {word: said for word, said in tool.items() if word not in ("function", "type", *twice)}
        found = _foreign({**inner, **beside}, "parameters", "function.")
        found.mistakes += [(word, "stands beside the function, too") for word in twice]
        return found
    for word in SCHEMAS:
        if word in tool:
            return _foreign(tool, word, "")
    said = tool.get("type")
    if isinstance(said, str) and said in TYPES:
        return _foreign(tool, "parameters" if said == "function" else "input_schema", "")
    if said is not None:
        problem = f"{str(said)[:50]!r} is no kind of tool that acts; only functions are taken"
        return Ours({"name": tool.get("name")}, mistakes=[("type", problem)])
    return _own(tool)


def _own(tool: dict[str, Any]) -> Ours:
    """Our own form: a word that it does not know is a mistake, unless it says that it is somebody else's."""
    found = Ours(dict(tool))
    _set_aside(found, [word for word in tool if word.startswith("x-") and not _close(word)])
    for word in found.definition.keys() - DEFINITION:
        near = _close(word)
        told = f"; did you mean {near}?" if near else f"; known are {', '.join(sorted(DEFINITION))}"
        found.mistakes.append((word, f"is unknown here{told}"))
    return found


def _foreign(tool: dict[str, Any], word: str, before: str) -> Ours:
    schema = tool.get(word)
    found = Ours({}, before + word)
    if schema is None or (schema == {} and word == "parameters"):
        schema = {"type": "object", "properties": {}}
        found.notes.append(f"{word} says nothing, so the action takes no arguments that are named.")
    found.definition = {
        "name": tool.get("name"),
        "description": tool.get("description") or "",
        "schema": schema,
    }
    others = [one for one in tool if one not in ("name", "description", word)]
    for member in others:
        if member in OURS or member == "annotations":
            found.definition[member] = tool[member]
        elif member == EFFECT:
            _effect(found, tool[member], "annotations" in tool)
        elif (near := _close(member)) and member not in ELSE and not member.startswith("x-"):
            found.mistakes.append((member, f"is unknown here; did you mean {near}?"))
    known = {"annotations", EFFECT, *OURS}
    _set_aside(found, [one for one in others if one not in known and one not in dict(found.mistakes)])
    _hints(found)
    return found


def _effect(found: Ours, effect: Any, has_annotations: bool) -> None:
    """What a recorded tool says of its effect; of what is unknown the worst is taken."""
    if effect == "read" and not has_annotations:
        found.definition["annotations"] = {"readOnlyHint": True, "openWorldHint": False}
    elif not isinstance(effect, str) or effect not in EFFECTS:
        known = ", ".join(sorted(EFFECTS))
        said = str(effect)[:40]
        found.notes.append(f"{EFFECT}: {said!r} is unknown (known are {known}), so the worst is taken.")


def _hints(found: Ours) -> None:
    """Hints that are unknown say nothing, so that the worst is taken; null is left out."""
    said = found.definition.get("annotations")
    if said is None:
        found.definition.pop("annotations", None)
        return
    if not isinstance(said, dict):
        return
    kept = {hint: value for hint, value in said.items() if value is not None and hint in {*HINTS, "title"}}
    aside = sorted(hint for hint in said if hint not in {*HINTS, "title"})
    if aside:
        found.notes.append(f"Left aside among the annotations, for no hint has that name: {_named(aside)}.")
    found.definition["annotations"] = kept


def _set_aside(found: Ours, words: list[str]) -> None:
    for word in words:
        found.definition.pop(word, None)
    told = sorted(word for word in words if word not in ("type", "strict"))
    if told:
        found.notes.append(f"Left aside, for an action type has no use for it: {_named(told)}.")


def _named(words: list[str]) -> str:
    return ", ".join(word[:60] for word in words[:10]) + (" and more" if words[10:] else "")


def _close(word: str) -> str:
    """The member of ours that was probably meant."""
    bare = word.removeprefix("x-").replace("-", "_")
    near = get_close_matches(bare, OURS, n=1, cutoff=0.8)
    return near[0] if near else ""
