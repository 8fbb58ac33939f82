"""The versions that were in force: of the policies and kinds of action that entries name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.forms.models import model_to_dict

from audit.ground.canonical import canonical
from governance.models import ActionType, PolicyVersion

_OF_ACTION = (
    "name",
    "version",
    "definition_digest",
    "description",
    "schema",
    "reversibility",
    "data_classes",
    "template",
    "workflow",
)


class Named:
    """What is named by entries that are looked at one after the other."""

    def __init__(self) -> None:
        self.policies: set[str] = set()
        self.actions: set[tuple[str, int]] = set()

    def look_at(self, body: str) -> None:
        """Note what this entry names."""
        data: dict[str, Any] = json.loads(body)["data"]
        if isinstance(policy := data.get("policy"), str):
            self.policies.add(policy)
        suggestions = data.get("suggestions")
        for one in suggestions if isinstance(suggestions, list) else []:
            self.actions.add((str(one["action"]), int(one["version"])))

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Each version as a file: a policy as it was written, a kind of action as JSON."""
        for policy in PolicyVersion.objects.filter(pk__in=self.policies).order_by("pk"):
            yield f"policies/{policy.digest.removeprefix('sha256:')}.yaml", policy.text.encode()
        names = {name for name, _ in self.actions}
        for action in ActionType.objects.filter(name__in=names).order_by("name", "version"):
            if (action.name, action.version) in self.actions:
                facts = model_to_dict(action, fields=_OF_ACTION)
                yield f"action-types/{action.name}@{action.version}.json", canonical(facts) + b"\n"
