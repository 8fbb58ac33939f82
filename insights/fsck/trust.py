"""How far agents are trusted: stages, kill switches, standing approvals, incidents."""

from __future__ import annotations

from insights.fsck.ledger import Facts, Ledger, LogLine
from insights.fsck.moves import Move, adds, by, makes, named, person, puts, said, sets
from insights.fsck.replay import Kind, commits

GUIDED = 2  # the stage of whoever was never moved
CHANGES = ("promoted", "granted", "lowered", "demoted")


# --- Stages ---------------------------------------------------------------------------------------


def _moved(ledger: Ledger, line: LogLine) -> None:
    """From the stage where it was."""
    pair = f"{line.data['agent']} {line.data['action']}"
    if not ledger.facts_of(pair):
        ledger.put(pair, line, {"stage": GUIDED})
    ledger.move(pair, line, {"stage": line.data["stage"]}, was={"stage": line.data["before"]})


def _was_never_moved(facts: Facts) -> bool:
    return bool(facts["stage"] == GUIDED)


STAGES = Kind(
    name="stages",
    noun="stage of agent and action",
    sentence="Each agent is at the stage to which the log moved it, and at stage 2 otherwise.",
    moves={f"autonomy.{change}": _moved for change in CHANGES},
    rows="""
        SELECT '', agent_id::text || ' ' || action, json_build_object('stage', stage)::text
          FROM governance_autonomy""",
    needs_no_event=_was_never_moved,
)


def _changed(kind: str) -> Move:
    return makes(
        by("change"),
        agent=said("agent"),
        action=said("action"),
        kind=kind,
        before=said("before"),
        stage=said("stage"),
        incident=said("incident"),
        reason=said("reason"),
        printed=named,
    )


STAGE_CHANGES = Kind(
    name="stage changes",
    noun="change of stage",
    sentence="Each promotion and each demotion has its event: from where, to where, and why.",
    moves={f"autonomy.{change}": _changed(change) for change in CHANGES},
    rows="""
        SELECT '', id::text, json_build_object('agent', agent_id, 'action', action, 'kind', kind,
               'before', before, 'stage', stage, 'incident', incident_id, 'reason', reason,
               'printed', by_name,
               'salt', encode(salt, 'hex'))::text FROM governance_stagechange""",
    reads=commits("reason"),
)

GATE_BOUNDS = Kind(
    name="gate bounds",
    noun="bounds before a promotion of",
    sentence="What is asked before a promotion is what the log says.",
    moves={
        "gate_bounds.changed": puts(
            by("action"),
            **{
                name: (lambda line, name=name: line.data["bounds"].get(name))  # type: ignore[misc]
                for name in (
                    "decisions",
                    "approved_unchanged",
                    "verified_success",
                    "calibration_error",
                    "failures",
                )
            },
        )
    },
    rows="""
        SELECT '', action, json_build_object('decisions', decisions, 'approved_unchanged', approved_unchanged,
               'verified_success', verified_success, 'calibration_error', calibration_error,
               'failures', failures)::text FROM governance_gatebounds""",
)


# --- Kill switches --------------------------------------------------------------------------------

HALTS = Kind(
    name="kill switches",
    noun="kill switch",
    sentence="Each kill switch was thrown and is on or lifted, as the log has it.",
    moves={
        "halt.thrown": makes(
            by("halt"),
            scope=said("scope"),
            agent=said("agent"),
            action=said("action", ""),
            reason=said("reason"),
            person=person,
            is_on=True,
            lifted=None,
            lifted_by=None,
        ),
        "halt.lifted": sets(
            by("halt"), was={"is_on": True}, is_on=False, lifted=said("reason"), lifted_by=person
        ),
    },
    rows="""
        SELECT '', id::text, json_build_object('scope', scope, 'agent', agent_id, 'action', action,
               'reason', reason, 'person', by_id::text, 'is_on', lifted_at IS NULL,
               'lifted', lifting_reason, 'lifted_by', lifted_by_id::text,
               'salt', encode(salt, 'hex'))::text FROM governance_halt""",
    reads=commits("reason", "lifted"),
)


# --- Standing approvals ---------------------------------------------------------------------------

_APPROVAL = by("standing_approval")


def _used(ledger: Ledger, line: LogLine) -> None:
    """One use of it, and the last one of all ends it."""
    adds(_APPROVAL, "uses")(ledger, line)
    if line.data["left"] == 0:
        ledger.move(line.data["standing_approval"], line, {"status": "used_up"})


def _ends(status: str) -> Move:
    return sets(_APPROVAL, was={"status": frozenset({"draft", "active"})}, status=status)


STANDING_APPROVALS = Kind(
    name="standing approvals",
    noun="standing approval",
    sentence="Each standing approval was drafted, activated, used and ended, as the log has it.",
    moves={
        "standing_approval.drafted": makes(
            _APPROVAL,
            agent=said("agent"),
            action=said("action"),
            rule=said("rule"),
            allowed=said("uses"),
            uses=0,
            proposal=lambda line: line.proposal,
            drafted=person,
            activated=None,
            status="draft",
        ),
        "standing_approval.activated": sets(
            _APPROVAL, was={"status": "draft"}, status="active", activated=person
        ),
        "standing_approval.used": _used,
        **{f"standing_approval.{status}": _ends(status) for status in ("ended", "expired", "revoked")},
    },
    rows="""
        SELECT '', id::text, json_build_object('agent', agent_id, 'action', action, 'rule', rule,
               'allowed', uses_allowed, 'uses', uses, 'proposal', proposal, 'drafted', drafted_by_id::text,
               'activated', activated_by_id::text, 'status', status, 'salt', encode(salt, 'hex'))::text
          FROM governance_standingapproval""",
    reads=commits("rule"),
)


# --- Incidents ------------------------------------------------------------------------------------

_INCIDENT = by("incident")


def _closed(ledger: Ledger, line: LogLine) -> None:
    """Whoever closes what nobody had taken on takes it on."""
    taken = ledger.facts_of(line.data["incident"]).get("taken") or line.person
    facts = {"is_open": False, "closed": line.person, "taken": taken}
    found = {"found_to_be": line.data.get("found_to_be", ""), "why": line.data["reason"]}
    ledger.move(line.data["incident"], line, {**facts, **found}, was={"is_open": True})


INCIDENTS = Kind(
    name="incidents",
    noun="incident",
    sentence="Each incident was opened, and is taken on, counted and closed, as the log has it.",
    moves={
        "incident.opened": makes(
            _INCIDENT,
            kind=said("kind"),
            agent=said("agent"),
            action=said("action", ""),
            team=said("team"),
            detail=said("detail"),
            count=1,
            reminders=0,
            is_open=True,
            taken=None,
            closed=None,
            found_to_be="",
            why=None,
            was_escalated=False,
        ),
        "incident.repeated": sets(_INCIDENT, was={"is_open": True}, count=said("count")),
        "incident.reminded": sets(_INCIDENT, was={"is_open": True}, reminders=said("reminders")),
        "incident.escalated": sets(_INCIDENT, was={"is_open": True}, was_escalated=True),
        "incident.acknowledged": sets(_INCIDENT, was={"is_open": True, "taken": None}, taken=person),
        "incident.closed": _closed,
    },
    rows="""
        SELECT '', id::text, json_build_object('kind', kind, 'agent', agent_id, 'action', action,
               'team', team_id, 'detail', detail, 'count', count, 'reminders', reminders,
               'is_open', closed_at IS NULL, 'taken', acknowledged_by_id::text,
               'closed', closed_by_id::text, 'found_to_be', found_to_be, 'why', closing_reason,
               'was_escalated', escalated_at IS NOT NULL, 'salt', encode(salt, 'hex'))::text
          FROM governance_incident""",
    reads=commits("detail", "why"),
)

INCIDENT_NOTES = Kind(
    name="incident notes",
    noun="note on an incident",
    sentence="Each note on an incident is as it was written.",
    moves={"incident.noted": makes(by("note"), incident=said("incident"), person=person, text=said("text"))},
    rows="""
        SELECT '', id::text, json_build_object('incident', incident_id, 'person', by_id::text,
               'text', text, 'salt', encode(salt, 'hex'))::text FROM governance_incidentnote""",
    reads=commits("text"),
)

KINDS = (STAGES, STAGE_CHANGES, GATE_BOUNDS, HALTS, STANDING_APPROVALS, INCIDENTS, INCIDENT_NOTES)
