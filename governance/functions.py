"""The functions a policy may call: few, documented, bounded."""

from __future__ import annotations

from cel_expr_python import cel

_TEXT = cel.Type.STRING


def mentions(text: str, value: str | float | int) -> bool:
    """Whether a text names a value as a whole word or number, whatever the case of its letters."""
    wanted = _spelled(value)
    if not wanted:
        return False
    text = text.casefold()
    start = text.find(wanted)
    while start != -1:
        if _stands_alone(text, start, start + len(wanted)):
            return True
        start = text.find(wanted, start + 1)
    return False


def _spelled(value: str | float | int) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    goes_on = (before.isalnum() and text[start].isalnum()) or (after.isalnum() and text[end - 1].isalnum())
    decimals = after in ".," and text[end - 1].isdigit() and end + 1 < len(text) and text[end + 1].isdigit()
    return not goes_on and not decimals


def _overload(kind: str, type: cel.Type) -> cel.Overload:
    return cel.Overload(
        f"mentions_string_{kind}", return_type=cel.Type.BOOL, parameters=[_TEXT, type], impl=mentions
    )


FUNCTIONS = (
    cel.FunctionDecl(
        "mentions",
        [
            _overload("string", cel.Type.STRING),
            _overload("int", cel.Type.INT),
            _overload("double", cel.Type.DOUBLE),
        ],
    ),
)
