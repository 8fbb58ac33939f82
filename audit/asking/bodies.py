"""What stands in the body of a request: read into a pydantic model, each wrong field named."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from audit.ground.refusals import Invalid, pointer_of

Body = TypeVar("Body", bound=BaseModel)
_MOMENT = re.compile(r"(\d{4})-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
EARLIEST, LATEST = 1970, 2200


def _is_moment(said: Any) -> Any:
    """RFC 3339 alone: a bare number could count seconds or milliseconds, a time without zone is no moment."""
    if said is None or isinstance(said, datetime):
        return said
    found = _MOMENT.fullmatch(said) if isinstance(said, str) else None
    if found is None:
        raise ValueError("must be a date and time with its zone, such as 2026-11-22T10:00:00Z")
    if not EARLIEST <= int(found[1]) <= LATEST:
        raise ValueError(f"must lie in the years {EARLIEST} to {LATEST}")
    return said


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_is_moment), AfterValidator(_in_utc)]


class Strict(BaseModel):
    """No unknown fields: a misspelt one is an error, not a silence."""

    model_config = ConfigDict(extra="forbid")


def check(model: type[Body], value: Any) -> Body:
    """The value as a model. Raises `Invalid` naming each wrong field and what would be right."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid([_told(e) for e in error.errors(include_url=False, include_context=False)]) from error


def _told(error: ErrorDetails) -> dict[str, str]:
    pointer = pointer_of(error["loc"])
    if error["type"] == "extra_forbidden":
        return {"pointer": pointer, "detail": "This field is unknown here."}
    return {"pointer": pointer, "detail": error["msg"].removeprefix("Value error, ")}
