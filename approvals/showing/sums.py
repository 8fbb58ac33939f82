"""What several actions come to, in words: "12 refunds, 512.40 in total"; and which numbers stand out."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from governance.showing.names import lowered, readable
from governance.showing.numbers import grouped

# What one such action is called. Others are called by their name: "12 × ship parcel".
_NOUNS = {
    "cancel": "cancellation",
    "change": "change",
    "close": "closure",
    "delete": "deletion",
    "exchange": "exchange",
    "modify": "change",
    "pay": "payment",
    "refund": "refund",
    "remove": "removal",
    "return": "return",
    "transfer": "transfer",
    "update": "change",
    "send_money": "transfer",
    "send_email": "e-mail",
    "issue_voucher": "voucher",
}
# Numbers that name something, by the last word of what they are called: nobody adds them up.
_NAMES = re.compile(
    r"\b(?:id|ids|no|nr|number|code|zip|postcode|year|month|day|hour|minute|phone|account|iban|pin|port"
    r"|lat|lon|latitude|longitude|percent|percentage|rate|version|index|priority)$",
    re.IGNORECASE,
)
UNITS = ("currency", "currency_code", "unit")
_FAR = 5  # times the usual distance from the middle


def count_of(action: str, number: int) -> str:
    """So many of this action: "12 refunds", "1 refund", "3 × ship parcel"."""
    noun = _NOUNS.get(action.lower()) or _NOUNS.get(re.split(r"[_.:-]", action.lower())[0])
    if noun is None:
        return f"{number} × {lowered(readable(action))}"
    return f"{number} {noun}{'' if number == 1 else 's'}"


def is_amount(name: str, values: Iterable[Any]) -> bool:
    """Numbers that can be added up, where they are there at all."""
    there = [value for value in values if value is not None]
    return bool(there) and not _NAMES.search(readable(name)) and all(map(is_number, there))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def written(numbers: Sequence[Any]) -> list[str]:
    """Numbers of one column, with as many decimals each: 54.04 and 12 are "54.04" and "12.00"."""
    exact = [Decimal(str(number)) for number in numbers]
    decimals = max((_decimals(number) for number in exact), default=0)
    return [grouped(number, decimals) for number in exact]


def total(numbers: Iterable[Any]) -> Decimal:
    """Added up as they are written, so that ten times 0.1 is 1."""
    return sum((Decimal(str(number)) for number in numbers), Decimal(0))


def total_written(numbers: Sequence[Any]) -> str:
    """The sum, with as many decimals as the numbers have."""
    exact = [Decimal(str(number)) for number in numbers]
    decimals = max((_decimals(number) for number in exact), default=0)
    return grouped(total(numbers), decimals)


def _decimals(number: Decimal) -> int:
    """None for whole numbers, two at least for others: amounts read best so."""
    places = -int(number.normalize().as_tuple().exponent)
    return 0 if places <= 0 else max(2, places)


def outliers(numbers: Sequence[Any]) -> list[bool]:
    """Which of them are far from the middle, measured by how far the others are from it.

    By the median, which one large number does not move; of fewer than four nothing is said.
    """
    if len(numbers) < 4:
        return [False] * len(numbers)
    middle = statistics.median(numbers)
    usual = statistics.median(abs(number - middle) for number in numbers)
    far = _FAR * max(usual, abs(middle) / 10)
    return [abs(number - middle) > far or number * middle < 0 for number in numbers]
