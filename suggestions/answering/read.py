"""Proposals with all that an answer tells of them: one statement, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from json import JSONDecoder
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import EmptyResultSet

from audit.asking.answers import in_short
from audit.statements.prepared import M, execute, unsaved
from governance.models import ActionType, Agent
from suggestions.models import Proposal, ProposalQuerySet, Resolution, Suggestion

_PROPOSAL = [
    "id",
    "agent_id",
    "status",
    "version",
    "title",
    "team_id",
    "also_teams",
    "priority",
    "risk",
    "deadline",
    "action",
    "sentence",
    "created_at",
]
_AGENT = ["id", "name"]
_ACTION_TYPE = ["name", "version"]
_RESOLUTION = ["status", "by", "actor_name", "suggestion_id", "action_digest", "reason", "at"]
_EXECUTION = ["id", "status", "fence", "due_at", "created_at"]
_SUGGESTION = [
    "id",
    "rank",
    "arguments",
    "action_digest",
    "sentence",
    "confidence",
    "success_probability",
    "risk",
]


def _of(table: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{table}.{column}" for column in columns)


# What is JSON comes as one text, which is read at once.
_STANDING = f"""
SELECT json_build_array(p.verdict, r.arguments, (
           SELECT json_agg(json_build_array({_of("s", _SUGGESTION)}, {_of("t", _ACTION_TYPE)})
                           ORDER BY s.rank)
             FROM suggestions_suggestion s JOIN governance_actiontype t ON t.id = s.action_type_id
            WHERE s.proposal_id = p.id))::text,
       statement_timestamp(), EXISTS (SELECT FROM governance_halt WHERE lifted_at IS NULL),
       {_of("a", _AGENT)}, {_of("p", _PROPOSAL)}, {_of("r", _RESOLUTION)}, {_of("e", _EXECUTION)}
  FROM ({{chosen}}) chosen
  JOIN suggestions_proposal p ON p.id = chosen.pk
  JOIN governance_agent a ON a.id = p.agent_id
  LEFT JOIN suggestions_resolution r ON r.proposal_id = p.id
  LEFT JOIN execution_execution e ON e.proposal_id = p.id
 ORDER BY p.id DESC
"""
_A = 3
_P = _A + len(_AGENT)
_R = _P + len(_PROPOSAL)
_E = _R + len(_RESOLUTION)
_read_json = JSONDecoder(parse_float=lambda text: in_short(float(text))).decode


class ExecutionInSight(NamedTuple):
    """What an answer has to know of an execution, whose floor is above this one."""

    pk: UUID
    status: str
    fence: int
    due_at: datetime
    created_at: datetime


class Standing(NamedTuple):
    """A proposal as it stood at `now`, and whether any kill switch was on; its `pk` is for pages."""

    pk: UUID
    proposal: Proposal
    suggestions: list[Suggestion]
    now: datetime
    halted: bool


def standing(chosen: ProposalQuerySet) -> list[Standing]:
    """These proposals, newest first. Of each instance there is what `present` tells and nothing else."""
    try:
        return standing_of(*chosen.values("pk").query.sql_with_params())
    except EmptyResultSet:
        return []


def standing_of(chosen: str, values: Sequence[Any]) -> list[Standing]:
    """The same of a statement that gives ids as `pk`."""
    return [_standing(row) for row in execute(_STANDING.format(chosen=chosen), values, binary=True)]


def _standing(row: Sequence[Any]) -> Standing:
    verdict, arguments, ranked = _read_json(row[0])
    proposal = _made(Proposal, _PROPOSAL, row[_P:_R])
    proposal.verdict = verdict
    known = proposal._state.fields_cache
    known["agent"] = _made(Agent, _AGENT, row[_A:_P])
    known["resolution"] = _resolution(row[_R:_E], arguments) if row[_R] else None
    known["execution"] = ExecutionInSight(*row[_E:]) if row[_E] else None
    return Standing(proposal.pk, proposal, [_suggestion(*one) for one in ranked], row[1], row[2])


def _resolution(values: Sequence[Any], arguments: Any) -> Resolution:
    resolution = _made(Resolution, _RESOLUTION, values)
    resolution.arguments = arguments
    return resolution


def _suggestion(id: str, *values: Any) -> Suggestion:
    *own, name, version = values
    suggestion = _made(Suggestion, _SUGGESTION, [UUID(id), *own])
    suggestion._state.fields_cache["action_type"] = _made(ActionType, _ACTION_TYPE, [name, version])
    return suggestion


def _made(model: type[M], columns: Sequence[str], values: Sequence[Any]) -> M:
    instance = unsaved(model)
    instance.__dict__.update(zip(columns, values, strict=True))
    return instance
