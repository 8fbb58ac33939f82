"""The forms in which others describe tools, turned into our own definition of an action type.

MCP's `tools/list` (the plain result or its JSON-RPC envelope) and OpenAI's functions (nested, as Chat
Completions has them; flat, as Responses has them; the older `functions`), also mixed in one file.
Beside what such a form has, a tool may carry members of ours: reversibility, data_classes, template,
workflow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from governance.data_classes import schemas_in

OURS = {"reversibility", "data_classes", "template", "workflow"}
FUNCTION = {"name", "description", "parameters", "strict"}
# What of an MCP tool is about results, looks or the protocol. Nothing of it bears on an approval.
MCP_ELSE = {"title", "outputSchema", "icons", "execution", "_meta"}
EFFECTS = {"read", "external_read", "write", "handoff"}
OLDER_DIALECTS = {"draft-04", "draft-06", "draft-07"}
# In older dialects these mean something that the present one does not read.
OLDER_WORDS = {"additionalItems", "dependencies"}


class BadForm(ValueError):
    """What is wrong: of which tool, where in it."""

    def __init__(self, name: str, path: str, problem: str) -> None:
        self.name, self.path, self.problem = name, path, problem
        super().__init__(f"{name}: {path}: {problem}")


@dataclass
class Found:
    """The tools of a file, as they stand in it, and what the reader should know of the file."""

    tools: list[Any]
    notes: list[str] = field(default_factory=list)


def tools_in(content: Any) -> Found:
    """The tools in a file's JSON. Raises `BadForm`."""
    if isinstance(content, list):
        return Found(content)
    if isinstance(content, dict) and "jsonrpc" in content:
        if "error" in content or not isinstance(content.get("result"), dict):
            raise BadForm("file", "", "is a JSON-RPC message without a result of tools/list")
        content = content["result"]
    if isinstance(content, dict):
        for member in ("tools", "functions", "action_types"):
            if isinstance(content.get(member), list):
                return Found(content[member], _notes(content))
        if isinstance(content.get("result"), dict):
            return tools_in(content["result"])
    raise BadForm("file", "", 'must hold a list of action types, or {"tools": [...]}')


def _notes(content: dict[str, Any]) -> list[str]:
    if content.get("nextCursor"):
        return ["The list goes on: nextCursor says that the server has more tools than are in here."]
    return []


def ours(tool: Any) -> tuple[Any, list[str]]:
    """A tool in our own form, and what of it was left aside. Raises `BadForm`."""
    if not isinstance(tool, dict):
        return tool, []
    if "inputSchema" in tool:
        return _from_mcp(tool)
    if tool.get("type") == "function" or ("parameters" in tool and "schema" not in tool):
        return _from_function(tool)
    if "type" in tool and "schema" not in tool:
        problem = f"{str(tool['type'])[:50]!r} is no kind of tool that acts; only functions are taken"
        raise BadForm(_name(tool), "type", problem)
    return tool, []


def _from_mcp(tool: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    name = _name(tool)
    known = {"name", "description", "inputSchema", "annotations", *MCP_ELSE, *OURS}
    _only(name, "", tool, known)
    schema, notes = _present_dialect(name, "inputSchema", tool["inputSchema"])
    aside = sorted(MCP_ELSE.intersection(tool))
    if aside:
        notes.append(f"Left aside, for an action type has no use for it: {', '.join(aside)}.")
    taken = {key: tool[key] for key in ("annotations", *sorted(OURS)) if key in tool}
    return {"name": name, "description": tool.get("description") or "", "schema": schema, **taken}, notes


def _from_function(tool: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """`{"type": "function", "function": {…}}`, or the same members without the inner object."""
    nested = "function" in tool
    inner = tool["function"] if nested else {key: tool[key] for key in FUNCTION if key in tool}
    if not isinstance(inner, dict):
        raise BadForm("action type", "function", "must be an object with a name")
    name = _name(inner)
    if nested:
        _only(name, "function", inner, FUNCTION)
    taken = {"type", "function"} if nested else {"type", *FUNCTION}
    rest = {key: value for key, value in tool.items() if key not in taken}
    effect = rest.pop("x-effect", None)
    if effect is not None and effect not in EFFECTS:
        raise BadForm(name, "x-effect", f"must be one of {', '.join(sorted(EFFECTS))}")
    if effect == "read":
        rest.setdefault("annotations", {"readOnlyHint": True, "openWorldHint": False})
    path = "function.parameters" if nested else "parameters"
    parameters = inner.get("parameters") or {"type": "object", "properties": {}}
    schema, notes = _present_dialect(name, path, parameters)
    if "name" in rest or "description" in rest:
        raise BadForm(name, "name" if "name" in rest else "description", "stands beside the function, too")
    return {"name": name, "description": inner.get("description") or "", "schema": schema, **rest}, notes


def _present_dialect(name: str, path: str, schema: Any) -> tuple[Any, list[str]]:
    """The schema as the present dialect reads it, where an older one says the same in the same words."""
    said = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(said, str) or not any(f"/{older}/" in said for older in OLDER_DIALECTS):
        return schema, []
    for place, part in schemas_in(schema):
        for word in OLDER_WORDS.intersection(part):
            raise BadForm(
                name, _join(path, place, word), f"is not read in the dialect of 2020-12 as in {said}"
            )
        if isinstance(part.get("items"), list):
            raise BadForm(
                name, _join(path, place, "items"), "is a list; in the dialect of 2020-12 prefixItems"
            )
    told = f"A schema names an older dialect, {said}; it is read as one of 2020-12."
    return {word: value for word, value in schema.items() if word != "$schema"}, [told]


def _name(tool: dict[str, Any]) -> str:
    name = tool.get("name")
    return name if isinstance(name, str) and name.isprintable() and 0 < len(name) <= 100 else "action type"


def _only(name: str, path: str, found: dict[str, Any], known: set[str]) -> None:
    for key in found:
        if key not in known:
            raise BadForm(name, _join(path, key), f"is unknown here; known are {', '.join(sorted(known))}")


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)
