"""What counts as a plain yes, and what the yes is about."""

from __future__ import annotations

from typing import Any

import pytest

from governance.expressions.agreement import agrees
from governance.trust.passing import NOTHING_KNOWN
from suggestions.intake.facts import facts_of_proposal
from suggestions.models import Proposal

ASKED = 'Shall I cancel order #W1234? The reason would be "no longer needed". Reply yes to go on.'


@pytest.mark.parametrize(
    "answer",
    [
        "Yes",
        "yes, please!",
        "Sounds good. Go ahead with that change.",
        "Yes, please proceed. The reason is “no longer needed.”",
        "Confirmed. When will I get my money?",
        "That's right",
    ],
)
def test_a_plain_yes_agrees(answer: str) -> None:
    assert agrees(answer, ASKED)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "No.",
        "Yes, but the other one.",
        "Yes, but only #W1234.",
        "Yes. Actually, keep it.",
        "Yes, if it is free.",
        "Yes?",
        "Did I say yes?",
        "Yes to the first question, not to this one.",
        "Yes, I don't want it cancelled.",
        "I no longer agree; yes, leave it.",
        "Cancel #W1234.",
        "Yesterday I would have.",
        "Yes. " + "Thank you. " * 200,
    ],
)
def test_anything_that_makes_less_of_it_does_not(answer: str) -> None:
    assert not agrees(answer, ASKED)


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("messages", "agreed"),
    [
        ([said("assistant", ASKED), said("user", "Yes")], ASKED),
        # What came after the yes is no answer to anything, and does not undo it.
        ([said("assistant", ASKED), said("user", "Yes"), said("tool", "status: pending")], ASKED),
        ([said("user", "Yes"), said("assistant", ASKED)], ""),
        # Only the last words count, and only what was said just before them.
        ([said("assistant", ASKED), said("user", "Yes"), said("user", "Wait.")], ""),
        (
            [said("assistant", ASKED), said("user", "Yes"), said("assistant", "Done?"), said("user", "Yes")],
            "Done?",
        ),
        ([said("assistant", ASKED), said("tool", "x"), said("user", "Yes")], ""),
        ([said("system", ASKED), said("user", "Yes")], ""),
        ([said("tool", ASKED), said("user", "Yes")], ""),
        ([said("assistant", {"text": ASKED}), said("user", "Yes")], ""),
        ([said("assistant", ASKED), said("user", ["Yes"])], ""),
        (["assistant", said("user", "Yes")], ""),
        ([], ""),
        ("Yes", ""),
    ],
)
def test_a_yes_is_about_what_was_asked_just_before(messages: Any, agreed: str) -> None:
    proposal = Proposal(context={"messages": messages})
    assert facts_of_proposal(proposal, NOTHING_KNOWN)["agreed_text"] == agreed
