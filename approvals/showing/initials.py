"""Letters that stand for somebody in a row; never the same for two people."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Q

from audit.ground.unseen import shown
from governance.models import User

_WORDS = re.compile(r"[^\W_]+")


def plain(name: str) -> str:
    """Of a name alone: "Ben Kim" is BK, "ana" is AN, "demo-reviewer-2" is DR2."""
    words, letters = _WORDS.findall(name), _lettered(name)
    if not letters:
        return shown(name.strip()[:2].upper()) or "?"
    first, last = letters[0], letters[-1]
    number = words[-1] if len(words) > 1 and words[-1].isdecimal() else ""
    return shown(((first[:1] + last[:1]) if len(letters) > 1 else first[:2]).upper() + number[:3])


def _lettered(name: str) -> list[str]:
    """The words of a name; numbers are none where there are others."""
    words: list[str] = _WORDS.findall(name)
    return [word for word in words if not word.isdecimal()] or words


def of(users: Iterable[User]) -> dict[int, str]:
    """The initials of these people, told apart from those of everybody else, in one query.

    Who has been here longest keeps the plain ones; those who come later get a number.
    """
    wanted = {user.pk: user for user in users}
    if not wanted:
        return {}
    taken: set[str] = set()
    found: dict[int, str] = {}
    those = User.objects.filter(_alike(wanted.values()) | Q(pk__in=wanted))
    for user in those.only(*_NAMES).order_by("pk"):
        letters = _free(plain(user.printed_name), taken)
        taken.add(letters)
        if user.pk in wanted:
            found[user.pk] = letters
    return found


_NAMES = ("first_name", "last_name", "username")


def _alike(users: Iterable[User]) -> Q:
    """Everybody whose initials may be theirs: those with a word that begins with the same letter."""
    firsts = {(_lettered(user.printed_name) or [user.printed_name.strip()])[0][:1] for user in users}
    found = Q()
    for first in firsts:
        begins = r"(^|[^[:alnum:]])" + re.escape(first)
        for name in _NAMES:
            found |= Q(**{f"{name}__iregex": begins})
    return found


def _free(letters: str, taken: set[str]) -> str:
    if letters not in taken:
        return letters
    return next(one for n in range(2, len(taken) + 3) if (one := f"{letters}{n}") not in taken)
