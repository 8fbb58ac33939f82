"""The typed diff of an edit: what leads from what was suggested to what was approved."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.deciding import decide
from approvals.deciding.decide import DigestMismatch
from approvals.detail.edited import in_short
from approvals.models import Decision
from approvals.showing.changes import Change, changes, parts, same
from audit.ground.canonical import canonical, commitment
from audit.models import Event
from governance.models import ActionType
from suggestions.models import Suggestion
from tests.conftest import actor_of

NAMES = st.sampled_from(["a", "b", "", "/", "~", "~1", "a/b", "0", "\u202e", "ä"]) | st.text(max_size=3)
LEAVES = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 54.0, 1e21]) | st.text(max_size=3)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)


def carried_out(found: Sequence[Change], before: dict[str, Any]) -> dict[str, Any]:
    """The arguments after these changes; what is given is left as it is."""
    value = deepcopy(before)
    for change in found:
        *way, last = parts(change["pointer"])
        inside: Any = value
        for part in way:
            inside = inside[int(part)] if isinstance(inside, list) else inside[part]
        _carry_out(change, inside, last)
    return value


def _carry_out(change: Change, inside: Any, last: str) -> None:
    if isinstance(inside, list):
        place = int(last)
        if change["kind"] == "removed":
            del inside[place]
        elif change["kind"] == "added":
            inside.insert(place, deepcopy(change["to"]))
        else:
            inside[place] = deepcopy(change["to"])
    elif change["kind"] == "removed":
        del inside[last]
    else:
        inside[last] = deepcopy(change["to"])


@settings(deadline=None)
@given(OBJECTS, OBJECTS)
def test_the_changes_lead_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    kept = canonical(before)

    found = changes(before, after)

    assert canonical(carried_out(found, before)) == canonical(after)
    assert canonical(before) == kept
    assert (found == []) == same(before, after)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 54.0}, {"a": 54}, []),
        ({"a": 1}, {"a": True}, [{"pointer": "/a", "kind": "changed", "from": 1, "to": True}]),
        ({"a": "42"}, {"a": 42}, [{"pointer": "/a", "kind": "changed", "from": "42", "to": 42}]),
        ({"a": None}, {}, [{"pointer": "/a", "kind": "removed", "from": None}]),
        ({}, {"a/b~": ""}, [{"pointer": "/a~1b~0", "kind": "added", "to": ""}]),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, [{"pointer": "/a/1", "kind": "removed", "from": 2}]),
        ({"a": [1, 3]}, {"a": [1, 2, 3]}, [{"pointer": "/a/1", "kind": "added", "to": 2}]),
        (
            {"a": [{"n": 1}, {"n": 2}]},
            {"a": [{"n": 1}, {"n": 5}]},
            [{"pointer": "/a/1/n", "kind": "changed", "from": 2, "to": 5}],
        ),
    ],
)
def test_each_change_has_its_place_and_both_values(before: Any, after: Any, expected: Any) -> None:
    assert changes(before, after) == expected


def approve(proposal: Any, reviewer: Any, arguments: Any, *, digest: str = "") -> Any:
    suggestion = proposal.suggestions.select_related("action_type").get()
    return decide.approve(
        suggestion,
        reviewer=reviewer,
        actor=actor_of(reviewer),
        shown_digest=digest or suggestion.action_digest,
        arguments=arguments,
    )


def test_the_changes_are_kept_with_the_decision_and_the_log_holds_a_commitment(
    proposal: Any, ana: Any
) -> None:
    approve(proposal, ana, {"order_id": "#W1", "amount": 40})

    decision = Decision.objects.get()
    expected = [{"pointer": "/amount", "kind": "changed", "from": 54.04, "to": 40}]
    assert decision.changes == expected
    [made] = Event.objects.filter(type="decision.made")
    assert f'"changes":{{"content":"{commitment(bytes(decision.salt), expected)}","count":1}}' in made.body
    assert "54.04" not in made.body


def test_an_approval_without_an_edit_has_no_changes(proposal: Any, ana: Any) -> None:
    approve(proposal, ana, {"order_id": "#W1", "amount": 54.04})

    assert Decision.objects.get().changes == []
    assert '"changes"' not in Event.objects.get(type="decision.made").body


def test_true_in_the_place_of_one_is_an_edit(
    propose: Any, policy: Any, ana: Any, ben: Any, action_type: Any
) -> None:
    """Python holds them for equal; who agrees with one has not agreed with the other."""
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 2, four_eyes: false}\n")
    proposal = propose()
    edited = approve(proposal, ana, {"order_id": "#W1", "amount": 1}).decision.action_digest

    with pytest.raises(DigestMismatch):
        approve(proposal, ben, {"order_id": "#W1", "amount": True}, digest=edited)


def test_on_one_line_an_edit_is_short_and_what_is_sensitive_is_masked() -> None:
    schema = {
        "type": "object",
        "properties": {
            "amount": {"type": "number", "title": "Amount"},
            "iban": {"type": "string", "title": "Account", "x-sensitive": True},
            "to": {"type": "object", "title": "To", "properties": {"tax": {"x-sensitive": True}}},
        },
    }
    kind = ActionType(name="pay", schema=schema)
    before = {"amount": 54.04, "iban": "DE1", "to": {"tax": "1"}, "note": "x" * 50}
    after = {"amount": 40, "iban": "DE2", "to": {"tax": "2"}}
    suggestion = Suggestion(action_type=kind, arguments=before)

    def told(after: dict[str, Any]) -> str:
        found = changes(before, after)
        return in_short(Decision(suggestion=suggestion, arguments=after, changes=found))

    assert told(after) == "edited: Amount 54.04 → 40; Account ••• → •••; To › Tax ••• → •••; and 1 more"
    assert told({**before, "note": "y"}) == f"edited: Note {'x' * 39}… → y"
    assert told({name: value for name, value in before.items() if name != "to"}) == "edited: To taken out"
    assert told(before) == ""
