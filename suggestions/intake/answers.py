"""What the API answers to batches and about action types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from audit.asking.answers import Answer, DocumentedAs, FieldError, Id, Instant, OneOf, left_out
from governance.models import ActionType
from suggestions.answering.answers import ProposalAnswer


class EarlierAnswer(Answer):
    """The rejection for which the same is refused when it is asked for again."""

    proposal: Id
    status: str
    by: str
    at: Instant
    reason: str
    link: str
    page: str = Field(description="For people.")


class AcceptedItem(Answer):
    accepted: Literal[True]
    replayed: bool = Field(description="It had been handed in before, with the same key and body.")
    proposal: ProposalAnswer


class RefusedItem(Answer):
    """Nothing came of this one: as a problem tells it, with pointers into the batch."""

    accepted: Literal[False]
    detail: str
    errors: list[FieldError]
    boundary: str = left_out("Which boundary of the agent was hit.")
    retry_after: int | None = left_out("Seconds after which to ask again; null: it never helps.")
    earlier: Annotated[dict[str, Any], DocumentedAs(EarlierAnswer)] = left_out()
    ask_again_after: str = left_out("The same may be asked for again from then on.")


class BatchAnswer(Answer):
    """What came of each item, in the order in which they came."""

    results: list[AcceptedItem | RefusedItem]


class ActionTypeAnswer(Answer):
    """A kind of action, with all that an agent needs to propose it."""

    name: str
    version: int
    description: str
    json_schema: Any = Field(alias="schema", description="The JSON Schema of its arguments.")
    annotations: dict[str, bool] = Field(description="Its hazards, as MCP names them.")
    reversibility: Annotated[str, OneOf(ActionType.Reversibility)]
    data_classes: list[str]


class ActionTypePage(Answer):
    """By name, all of them."""

    action_types: list[ActionTypeAnswer]


class PreviewedType(Answer):
    """What registering would do; `changed` is whether there would be a new version."""

    name: str
    changed: bool
    change: str = Field(description="In words: `replaces @1: description, schema`.")
    milder: list[str] = left_out("What would count as less dangerous than it does now.")


class RegisteredType(ActionTypeAnswer):
    """The version that is there now; `changed` is whether it is new."""

    changed: bool
    change: str = Field(description="In words: `replaces @1: description, schema`.")
    milder: list[str] = left_out("What counts as less dangerous than it did.")


class WrongTool(Answer):
    """A definition that was left out, and what is wrong with it."""

    tool: str
    path: str = Field(description="Where in the definition, in dots.")
    detail: str


class RegisteredTypes(Answer):
    """What was registered, or would be: `notes` say what was read differently than it was written."""

    action_types: list[RegisteredType] | list[PreviewedType]
    notes: list[str]
    wrong: list[WrongTool]
