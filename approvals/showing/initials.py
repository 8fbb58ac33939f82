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
    words = _WORDS.findall(name)
    letters = [word for word in words if not word.isdecimal()] or words
    if not letters:
        return shown(name.strip()[:2].upper()) or "?"
    first, last = letters[0], letters[-1]
    number = words[-1] if len(words) > 1 and words[-1].isdecimal() else ""
    return shown(((first[:1] + last[:1]) if len(letters) > 1 else first[:2]).upper() + number[:3])


def of(users: Iterable[User]) -> dict[int, str]:
    """The initials of these people, told apart from those of everybody else, in one query.

    Who has been here longest keeps the plain ones; those who come later get a number.
    """
    wanted = {user.pk: user for user in users}
    if not wanted:
        return {}
    firsts = {user.printed_name.strip()[:1] for user in wanted.values()}
    alike = Q()
    for letter in firsts:
        alike |= Q(first_name__istartswith=letter) | Q(last_name__istartswith=letter)
        alike |= Q(username__istartswith=letter)
    taken: set[str] = set()
    found: dict[int, str] = {}
    for user in User.objects.filter(alike | Q(pk__in=wanted)).only(*_NAMES).order_by("pk"):
        letters = _free(plain(user.printed_name), taken)
        taken.add(letters)
        if user.pk in wanted:
            found[user.pk] = letters
    return found


_NAMES = ("first_name", "last_name", "username")


def _free(letters: str, taken: set[str]) -> str:
    if letters not in taken:
        return letters
    return next(one for n in range(2, len(taken) + 3) if (one := f"{letters}{n}") not in taken)
