"""What may come in at all: JSON within bounds, read one way only.

Everything here happens before a body meets a model. RFC 8259 leaves open what
duplicate keys, huge numbers and lone surrogates mean; here they mean no.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.parsers import BaseParser

from audit.ground.refusals import Invalid, Refusal, escaped

DEPTH = 32
KEYS = 2_000
BATCH_KEYS = 500 * 200
STRING_BYTES = 16 * 1024
SHORT = STRING_BYTES // 4  # characters that fit whatever they are
INTEGER = 2**53 - 1
TOO_LARGE = (
    "Whole numbers must lie within ±(2^53−1): beyond that, programs read them differently. A larger one, "
    "such as a 64-bit id, can be sent as text only, and only where the schema of the action asks for text."
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAYBE_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")  # JSON in UTF-8 can hold them escaped only


class Malformed(Refusal):
    """The body is not JSON that has one meaning."""

    detail = "The body is not valid JSON."


class TooLarge(Refusal):
    """The body is longer than anything this address accepts."""


class GatedJSONParser(BaseParser):
    """DRF's parser for every API body."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        view = (parser_context or {}).get("view")
        limit = getattr(view, "body_bytes", settings.API_BODY_BYTES)
        try:
            body = stream.read(limit + 1)
        except RequestDataTooBig:
            body = b" " * (limit + 1)
        keys = getattr(view, "body_keys", KEYS)
        return read(body, limit=limit, keys=keys, of_schemas=getattr(view, "body_of_schemas", False))


def read(body: bytes, *, limit: int, keys: int = KEYS, of_schemas: bool = False) -> Any:
    """The JSON value of a body. Raises `TooLarge`, `Malformed` or `Invalid` (naming the place).

    The limits in schemas are no values: where a body is `of_schemas` numbers may be large.
    """
    if len(body) > limit:
        raise TooLarge(f"The body may have at most {limit:,} bytes.", limit=limit)
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=float if of_schemas else _finite,
        )
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8.") from error
    except RecursionError as error:
        raise Malformed(f"The body is nested deeper than {DEPTH} levels.") from error
    except json.JSONDecodeError as error:
        raise Malformed(f"{error.msg} at line {error.lineno}, column {error.colno}.") from error
    except ValueError as error:  # an integer of thousands of digits
        raise Malformed("A number has too many digits.") from error
    look_into_text = bool(_MAYBE_UNSTORABLE.search(body))
    _Walk(keys, look_into_text=look_into_text, of_schemas=of_schemas).value(value, "", 1)
    return value


def check(value: Any, *, keys: int = KEYS) -> None:
    """Whether a value that was put together from a form could have come in. Raises as `read`."""
    _Walk(keys, look_into_text=True).value(value, "", 1)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"The key {twice[:100]!r} stands twice in one object.")
    return value


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON number.")


def _finite(text: str) -> float:
    number = float(text)
    if not -INTEGER <= number <= INTEGER:  # a database gives it back as an integer
        raise Malformed(f"The number {text[:40]} is out of range: larger ones can be sent as text only.")
    if number == 0 and re.search("[1-9]", text.lower().split("e")[0]):
        raise Malformed(f"The number {text[:40]} is too small to be kept.")
    return number


class _Walk:
    """Looks at every value once and says where one is out of bounds."""

    def __init__(self, keys: int, *, look_into_text: bool, of_schemas: bool = False) -> None:
        self.keys_allowed = keys
        self.of_schemas = of_schemas
        self.keys = 0
        self.look_into_text = look_into_text

    def value(self, value: Any, pointer: str, depth: int) -> None:
        kind = type(value)
        if kind is str:
            if self.look_into_text or len(value) > SHORT:
                _check_string(value, pointer)
        elif kind is dict:
            self._object(value, pointer, depth)
        elif kind is list:
            self._deeper(depth)
            for index, item in enumerate(value):
                if type(item) not in (float, bool):
                    self.value(item, f"{pointer}/{index}", depth + 1)
        elif kind is int and not self.of_schemas and not -INTEGER <= value <= INTEGER:
            raise Invalid.field(pointer, TOO_LARGE)

    def _object(self, value: dict[str, Any], pointer: str, depth: int) -> None:
        self._deeper(depth)
        self.keys += len(value)
        if self.keys > self.keys_allowed:
            raise Malformed(f"The body has more than {self.keys_allowed:,} keys.")
        for key, item in value.items():
            if self.look_into_text or len(key) > SHORT:
                _check_string(key, pointer)
            if type(item) is str and not self.look_into_text and len(item) <= SHORT:
                continue
            if type(item) not in (float, bool):
                self.value(item, f"{pointer}/{escaped(key)}", depth + 1)

    def _deeper(self, depth: int) -> None:
        if depth > DEPTH:
            raise Malformed(f"The body is nested deeper than {DEPTH} levels.")


def _check_string(text: str, pointer: str) -> None:
    if len(text) > SHORT and len(text.encode("utf-8", "surrogatepass")) > STRING_BYTES:
        raise Invalid.field(pointer, f"Text may have at most {STRING_BYTES:,} bytes.")
    found = _UNSTORABLE.search(text)
    if found:
        name = "NUL" if found[0] == "\x00" else "a lone surrogate"
        raise Invalid.field(pointer, f"Text must not hold {name}.")
