"""What a text carries besides its words: addresses, long numbers, secrets, characters that nobody sees."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from governance.expressions import effort
from governance.expressions.mentions import at_most
from governance.expressions.reading import page_meant, said

# --- Where it leads -------------------------------------------------------------------------


def adds(text: str, content: str) -> list[str]:
    """What `content` leads to and the text does not name.

    Web and e-mail addresses, @names, and numbers or codes long enough for an account or a telephone.
    """
    asked, carried = said(text), said(content)
    named = {*asked.contacts, *asked.words}
    strange = [page for page in carried.pages if page_meant(page) not in asked.pages_meant]
    found = strange + [found for found in carried.contacts if found not in named]
    return at_most(found, effort.MOST_FOUND)


_MANY_PATTERNS, _EACH_SIGN = 130, 30  # units of effort for a character

# --- Secrets --------------------------------------------------------------------------------

_SECRET = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|sk-|[srp]k_live_|rk_|rt_|npm_|pypi-|AIza|SG\.|hf_)"
    r"[\w.-]{16,}"
    r"|(?<![\w-])eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"
    r"|[?&](?:access_token|token|api_?key|key|code|sig|signature|secret|password)=[^\s&]{4,}"
    r"|://[^\s/@:]{1,64}:[^\s/@]{1,64}@"
    r"|\b(?i:passw(?:or)?d|passphrase|passcode|passwort|pwd|secret|credentials?|api[ _-]?key"
    r"|(?:access|auth|security|reset|verification|one[ -]time)[ _-]?(?:token|code|password)|otp|pin|cvv)\b"
    r"(?i:\s{0,3}(?:is|are|=|:)\s{0,3})[\"'`]?[^\s\"'`]{3,}"
)
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")


def has_secret(value: Any) -> bool:
    """Whether a text, or any text in a list or map, holds a key, a token, a password or a card number."""
    effort.spend(sum(_MANY_PATTERNS * (len(text) + 5) for text in _texts(value)))
    return any(_SECRET.search(text) or _has_card(text) for text in _texts(value))


def _has_card(text: str) -> bool:
    return any(_checks(re.sub(r"\D", "", found)) for found in _CARD.findall(text))


def _checks(digits: str) -> bool:
    """Luhn's sum, which every card number keeps and one in ten other numbers."""
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(n // 10 + n % 10 for n in doubled) % 10 == 0


# --- What nobody sees -----------------------------------------------------------------------

_UNSEEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}
_OTHER_SCRIPTS = re.compile(
    r"[\u0370-\u03ff\u0400-\u058f\u13a0-\u13ff\u1f00-\u1fff\u2100-\u214f\ua640-\ua69f\uff01-\uff5e\U0001d400-\U0001d7ff]"
)
_LAYOUT = str.maketrans("", "", "\t\r\n")
# What joins emoji to one picture is seen: as that picture.
_JOINED_EMOJI = re.compile(
    r"(?<=[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])\u200d(?=[\u2640-\u27bf\U0001f000-\U0001faff])"
)
_WORD = re.compile(r"\w+")
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)


def has_hidden(value: Any) -> bool:
    """Whether a text, or any in a list or map, has characters nobody sees or letters that pass for others."""
    effort.spend(sum(_EACH_SIGN * (len(text) + 5) for text in _texts(value)))
    return any(_hides(text) for text in _texts(value))


def _hides(text: str) -> bool:
    if text.isascii():
        return re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text) is not None
    text = _JOINED_EMOJI.sub("", text)
    plain = text.translate(_LAYOUT)
    if not plain.isprintable() and any(unicodedata.category(sign) in _UNSEEN for sign in plain):
        return True
    return any(_LATIN.search(word) and _OTHER_SCRIPTS.search(word) for word in _WORD.findall(text))


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names included, without recursion."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting += [*found, *found.values()]
        elif isinstance(found, list):
            waiting += found
