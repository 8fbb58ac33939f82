"""What changed between two deployments, prompts line by line."""

from __future__ import annotations

import difflib
from typing import Any

from governance.models import Deployment, PromptTemplate

FIELDS = (("Model", "model"), ("Policy", "policy_id"), ("Workflows", "workflows"), ("Scores", "scores"))


def difference(before: Deployment | None, after: Deployment) -> list[dict[str, Any]]:
    """What changed from one deployment to another: a title each, with lines of a unified diff."""
    texts = dict(
        PromptTemplate.objects.filter(
            pk__in=[*after.prompts.values(), *(before.prompts.values() if before else ())]
        ).values_list("pk", "text")
    )
    changed = []
    for name in sorted({*after.prompts, *(before.prompts if before else ())}):
        old = texts.get(before.prompts.get(name, ""), "") if before else ""
        new = texts.get(after.prompts.get(name, ""), "")
        if old != new:
            changed.append({"title": f"Prompt {name}", "lines": _lines(old, new)})
    for title, field in FIELDS:
        old, new = (_told(getattr(d, field)) if d else "" for d in (before, after))
        if old != new:
            changed.append({"title": title, "lines": _lines(old, new)})
    return changed


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {item}" for name, item in sorted(value.items()))
    return str(value or "")


def _lines(old: str, new: str) -> list[dict[str, str]]:
    kinds = {"+": "added", "-": "removed", "@": "place", " ": "same"}
    found = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=3))[2:]
    return [{"kind": kinds[line[:1] or " "], "text": line[1:] if line[:1] != "@" else line} for line in found]
