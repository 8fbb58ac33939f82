"""Identifiers that sort by the time they were made."""

import random
import time
import uuid
from datetime import datetime, timedelta

CLOCKS_DIFFER = timedelta(hours=1)  # at most, of machines that make ids and the database


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits.

    The time in it is this machine's and only orders; facts carry the database's time. An id is
    unique, not secret: its bits come without a call to the system, which would let other threads in.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | random.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def first_id(at: datetime) -> uuid.UUID:
    """No id that was made at this moment or later is smaller, however much the machine's clock was off."""
    return uuid.UUID(int=int((at - CLOCKS_DIFFER).timestamp() * 1000) << 80)


def read_uuid(text: str) -> uuid.UUID | None:
    """The UUID that somebody typed or a link holds; None where it is none, or in digits of another script."""
    try:
        return uuid.UUID(text) if text.isascii() else None
    except ValueError:
        return None
