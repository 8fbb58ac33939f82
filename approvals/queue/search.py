"""The search: words of open proposals in one index, which also knows team, agent, action and risk.

Everything that a filter can name is a word in that index, so that whatever is rare is found without
reading what is not asked for. `suggestions_document` (a function of the database) makes the words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from approvals.queue.filters import Filters
from governance.models import Agent, Risk

MOST_WORDS = 10
MOST_AGENTS = 50

DOCUMENT = (
    "suggestions_document(team_id, also_teams, agent_id, action, risk, approvals_needed,"
    " sentence, title, subject_type, subject_id)"
)
# As the function of the database parts words: at every sign of ASCII that is no letter and no digit.
_SIGNS = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")


def words_of(text: str) -> list[list[str]]:
    """What was typed, as words; each is a list of the parts that have to follow one another."""
    words = [[part for part in _SIGNS.split(word) if part] for word in text.lower().split()]
    return [parts for parts in words if parts][:MOST_WORDS]


def id_in(text: str) -> UUID | None:
    """The id that was typed or pasted, if it is nothing else."""
    try:
        return UUID(text.strip()) if len(text.strip()) == 36 else None
    except ValueError:
        return None


def text_sql(q: str, values: dict[str, Any]) -> str:
    """What was typed as a `tsquery`, its values added: every word begins some word of the document,
    or the name of its agent."""
    found = []
    for n, parts in enumerate(words_of(q)):
        values[f"word_{n}"] = " <-> ".join([*map(_quoted, parts[:-1]), f"{_quoted(parts[-1])}:*"])
        values[f"agent_{n}"] = " | ".join(_lexeme("agent", agent) for agent in _agents_like(parts))
        word = f"to_tsquery('simple', %(word_{n})s)"
        found.append(f"({word} || %(agent_{n})s::tsquery)" if values[f"agent_{n}"] else word)
    return " && ".join(found)


def _agents_like(parts: Sequence[str]) -> list[UUID]:
    """Agents in whose names these parts follow one another, at the beginning of a word."""
    pattern = r"(^|[^[:alnum:]])" + r"[^[:alnum:]]+".join(map(re.escape, parts))
    return list(Agent.objects.filter(name__iregex=pattern).values_list("pk", flat=True)[:MOST_AGENTS])


def rest_sql(filters: Filters, teams: Sequence[str], agent: UUID | None, values: dict[str, Any]) -> str:
    """Teams and the filters that the index knows, as a `tsquery`."""
    wanted = [" | ".join(_lexeme("team", team) for team in teams)]
    if filters.action:
        wanted.append(_lexeme("action", filters.action))
    if filters.risk:
        wanted.append(_lexeme("risk", int(Risk[filters.risk.upper()])))
    if agent:
        wanted.append(_lexeme("agent", agent))
    if filters.one_more:
        wanted.append(_lexeme("several", ""))
    values["rest"] = " & ".join(f"({part})" for part in wanted)
    return "%(rest)s::tsquery"


def _lexeme(kind: str, value: object) -> str:
    return _quoted(f"={kind} {value}")


def _quoted(text: str) -> str:
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
