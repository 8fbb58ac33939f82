"""Approving what is critical takes more: a log-in of just now, and the key figure typed in again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings

from approvals.showing.arguments import as_text
from audit.ground.refusals import Refusal
from governance.models import User
from governance.schemas.data_classes import KEY_FIGURE
from governance.showing.sentences import PLACE, path_label
from suggestions.models import Proposal, Suggestion

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# What counts as having shown one: a recovery code too, which stands in once for what was lost. Anything else
# that a session may have been opened with (a link in an e-mail, another site's word) counts as neither.
COUNTS_AS_SECOND_FACTOR = frozenset({*map(str, SECOND_FACTORS), str(Authenticator.Type.RECOVERY_CODES)})
COUNTS_AS_LOG_IN = COUNTS_AS_SECOND_FACTOR | {"password"}
_SPACES = re.compile(r"[\s'’]+")
_NUMBER = re.compile(r"[+-]?\d[\d.,]*")


class StepUpNeeded(Refusal):
    """What is approved asks for more than was shown; `missing` names `fresh_login`, `second_factor`
    and `key_figure`."""

    @property
    def missing(self) -> list[str]:
        found: list[str] = self.facts["missing"]
        return found


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows at the moment of approving: how many seconds ago they proved who they are, by
    each method, and what they typed as the key figure."""

    ages: Mapping[str, float] = field(default_factory=dict)
    typed: str = ""


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """What has to be typed in again, and what it is called."""

    name: str
    label: str
    value: Any

    @property
    def shown(self) -> str:
        return as_text(self.value)


def key_figure(
    suggestion: Suggestion, proposal: Proposal, arguments: dict[str, Any], digest: str
) -> KeyFigure:
    """What stands for an action: the argument that its schema marks with `x-key-figure`; else the first
    number in its sentence, then of those that are required; else the subject; else the digest's end."""
    kind = suggestion.action_type
    schema = kind.schema if isinstance(kind.schema, dict) else {}
    titles = dict(_properties(schema))
    marked = [name for name, said in titles.items() if said.get(KEY_FIGURE) is True]
    told = [name for name in PLACE.findall(kind.template) if _is_number(_at(arguments, name))]
    required = [name for name in _names(schema.get("required")) if _is_number(arguments.get(name))]
    for name in [*marked, *told, *required]:
        value = _at(arguments, name)
        if value not in (None, "") and not isinstance(value, dict | list):
            path = (name,) if name in arguments else tuple(name.split("."))
            return KeyFigure(name, path_label(kind, arguments, path), value)
    if proposal.subject_id:
        return KeyFigure("subject", proposal.subject_type or "subject", proposal.subject_id)
    return KeyFigure("digest", "last four characters of the digest", digest[-4:])


def _properties(schema: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property by its name, with dots for those inside of others."""
    properties = schema.get("properties")
    for name, said in properties.items() if isinstance(properties, dict) else ():
        if isinstance(said, dict):
            yield f"{within}{name}", said
            yield from _properties(said, f"{within}{name}.")


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _at(arguments: Any, path: str) -> Any:
    value = arguments
    for name in [path] if path in arguments else path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- Is it the same? ------------------------------------------------------------------------------


def same(figure: KeyFigure, typed: str) -> bool:
    """Was the figure typed in? A number by its value, with the separators of English or German;
    anything else to the letter, save for spaces around and between."""
    if _is_number(figure.value):
        return Decimal(str(figure.value)) in _readings(typed)
    return bool(typed.strip()) and typed.split() == as_text(figure.value).split()


def _readings(typed: str) -> set[Decimal]:
    """What a typed number can mean: "1.234" is above a thousand to some and above one to others."""
    text = _SPACES.sub("", typed).replace("−", "-")
    if not _NUMBER.fullmatch(text):
        return set()
    readings = set()
    for thousands, point in ((",", "."), (".", ",")):
        whole, found, part = text.partition(point)
        if thousands in part or not _is_grouped(whole, thousands):
            continue
        try:
            readings.add(Decimal(whole.replace(thousands, "") + (f".{part}" if found and part else "")))
        except InvalidOperation:
            continue
    return readings


def _is_grouped(whole: str, separator: str) -> bool:
    first, *groups = whole.lstrip("+-").split(separator)
    return bool(first) and all(len(group) == 3 for group in groups) and (not groups or len(first) <= 3)


# --- Is it enough? --------------------------------------------------------------------------------


def second_factors_of(user: User) -> set[str]:
    """The kinds of second factor that this person has; recovery codes are none by themselves."""
    found = Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS)
    return set(found.values_list("type", flat=True))


def check(figure: KeyFigure, *, reviewer: User, proof: Proof | None) -> dict[str, Any]:
    """What the log says of how somebody showed that it is them. Raises `StepUpNeeded`.

    Whoever has a second factor confirms with it; for others the password counts, unless the
    installation wants a second factor of everybody.
    """
    second = bool(second_factors_of(reviewer)) or settings.REQUIRE_SECOND_FACTOR
    method, age = latest(proof.ages if proof else {}, second=second)
    missing = []
    if age is None or age > settings.STEP_UP_SECONDS:
        missing.append("second_factor" if second else "fresh_login")
    if proof is None or not same(figure, proof.typed):
        missing.append("key_figure")
    if missing:
        raise StepUpNeeded(_told(missing, figure, proof), missing=missing, key_figure=figure.name)
    return {"method": method, "age_seconds": round(age or 0.0), "key_figure": figure.name}


def latest(ages: Mapping[str, float], *, second: bool) -> tuple[str, float | None]:
    """The method that was used last and how long ago; of second factors alone, where one is wanted.

    Methods that are not listed above count for nothing.
    """
    allowed = COUNTS_AS_SECOND_FACTOR if second else COUNTS_AS_LOG_IN
    counting = {method: age for method, age in ages.items() if method in allowed}
    method = min(counting, key=lambda name: counting[name], default="")
    return method, counting.get(method)


def _told(missing: list[str], figure: KeyFigure, proof: Proof | None) -> str:
    if proof is None:
        return "This needs a fresh log-in and its key figure typed in: approve it on its page."
    said = []
    if "fresh_login" in missing:
        said.append("Confirm that it is you: what is critical needs a log-in of just now.")
    if "second_factor" in missing:
        said.append("Confirm that it is you, with your second factor.")
    if "key_figure" in missing:
        said.append(
            f"What you typed is not the {figure.label}: it is {figure.shown}."
            if proof.typed.strip()
            else f"Type the {figure.label} to approve: {figure.shown}."
        )
    return " ".join(said)
