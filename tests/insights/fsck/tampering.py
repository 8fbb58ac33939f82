"""What somebody with the right to write might do to rows, past every verb.

Each statement gives back the name of the subject that has to be in the finding.
"""

from __future__ import annotations

from typing import NamedTuple


class Tampering(NamedTuple):
    """The check that has to find it, and the statement."""

    check: str
    statement: str


def _changes(check: str, table: str, change: str, where: str, subject: str = "id") -> Tampering:
    one = f"(SELECT ctid FROM {table} WHERE {where} LIMIT 1)"
    return Tampering(check, f"UPDATE {table} SET {change} WHERE ctid = {one} RETURNING {subject}")


def _goes(check: str, table: str, where: str = "TRUE", subject: str = "id") -> Tampering:
    one = f"(SELECT ctid FROM {table} WHERE {where} LIMIT 1)"
    return Tampering(check, f"DELETE FROM {table} WHERE ctid = {one} RETURNING {subject}")


_PROPOSAL = "suggestions_proposal"
_ANSWER = "suggestions_resolution"
_DECISION = "approvals_decision"
_EXECUTION = "execution_execution"
_STAGE = "agent_id || ' ' || action"
_OF_STEP = (
    "(SELECT concat_ws(' ', s.execution_id, s.name, number) FROM execution_step s WHERE s.id = step_id)"
)
_OF_OFFER = "execution_id || ' 1'"
_OF_TASK = "execution_id || ' ' || id"
_VERSION = "name || '@' || version"


def _forged(check: str, table: str, columns: str, values: str, source: str, subject: str = "id") -> Tampering:
    """A row that no verb made."""
    made = f"INSERT INTO {table} ({columns}) SELECT {values} FROM {source} LIMIT 1 RETURNING {subject}"
    return Tampering(check, made)


TAMPERINGS = [
    Tampering(
        "events",
        """INSERT INTO audit_event (body) SELECT replace(body, 'proposal.submitted', 'proposal.invented')
             FROM audit_event WHERE type = 'proposal.submitted' LIMIT 1 RETURNING type""",
    ),
    _forged(
        "leaves",
        "audit_leaf",
        "leaf_index, event_id, hash",
        "9999, 0, sha256('')",
        "audit_event",
        "leaf_index",
    ),
    _forged(
        "tree",
        "audit_node",
        "level, index, hash",
        "1, 99, sha256('')",
        "audit_event",
        "level || '/' || index",
    ),
    _forged("tree", "audit_checkpoint", "size, root, note", "3, sha256(''), 'forged'", "audit_event", "size"),
    _forged(
        "tree", "audit_checkpoint", "size, root, note", "9999, sha256(''), 'forged'", "audit_event", "size"
    ),
    # --- Proposals, answers, decisions
    _changes("proposals", _PROPOSAL, "status = 'pending'", "status = 'rejected'"),
    _changes("proposals", _PROPOSAL, "deadline = deadline + interval '1 hour'", "status = 'pending'"),
    _changes("proposals", _PROPOSAL, "approvals_needed = 2", "status = 'pending'"),
    _changes("proposals", _PROPOSAL, "team_id = 'operations'", "team_id = 'finance'"),
    _changes("proposals", _PROPOSAL, "risk = 0", "status = 'pending'"),
    _changes("proposals", "suggestions_suggestion", "rank = 2", "TRUE", "proposal_id"),
    _changes("contents", _PROPOSAL, "title = 'Another title'", "TRUE"),
    _changes("contents", _PROPOSAL, "context = '{}'", "TRUE"),
    _changes("arguments", "suggestions_suggestion", "arguments = arguments || '{\"amount\": 9}'", "TRUE"),
    _changes("arguments", _ANSWER, "arguments = '{}'", "status = 'approved'", "proposal_id"),
    _changes("answers", _ANSWER, "reason = 'Another reason'", "status = 'rejected'", "proposal_id"),
    _changes("answers", _ANSWER, "status = 'returned'", "status = 'rejected'", "proposal_id"),
    _changes("answers", _ANSWER, "actor_name = 'Nobody'", "by = 'human'", "proposal_id"),
    _changes("answers", _ANSWER, "action_digest = 'sha256:0'", "status = 'approved'", "proposal_id"),
    _goes("answers", _ANSWER, "status = 'rejected'", "proposal_id"),
    _changes("decisions", _DECISION, "verdict = 'return'", "verdict = 'reject'"),
    _changes("decisions", _DECISION, "standing = NOT standing", "NOT standing AND verdict = 'approve'"),
    _changes("decisions", _DECISION, "reason = 'Another'", "verdict = 'reject'"),
    _changes("decisions", _DECISION, "changes = '[]'", "changes <> '[]'"),
    _changes(
        "decisions",
        _DECISION,
        "reviewer_id = (SELECT id FROM governance_user WHERE username = 'nils')",
        "TRUE",
    ),
    Tampering(
        "decisions",
        f"""INSERT INTO {_DECISION} (id, proposal_id, reviewer_id, verdict, action_digest, reason, salt,
                                     standing, changes, looks, stale)
            SELECT gen_random_uuid(), p.id, u.id, 'reject', '', 'Forged', '\\x00', TRUE, '[]', '[]', FALSE
              FROM {_PROPOSAL} p, governance_user u
             WHERE u.username = 'nils' AND p.status = 'pending' LIMIT 1 RETURNING id""",
    ),
    _changes(
        "rejections",
        "suggestions_rejectedaction",
        "reopened_at = now(), reopened_by_id = (SELECT min(id) FROM governance_user)",
        "reopened_at IS NULL",
        "proposal_id",
    ),
    _changes(
        "rejections",
        "suggestions_rejectedaction",
        "reopened_at = NULL, reopened_by_id = NULL",
        "reopened_at IS NOT NULL",
        "proposal_id",
    ),
    _changes("notes", "approvals_comment", "text = 'Another note'", "TRUE"),
    _changes("batches", "approvals_batch", "verdict = 'return'", "TRUE"),
    # --- Executions
    _changes("executions", _EXECUTION, "status = 'succeeded'", "status = 'cancelled'"),
    _changes("executions", _EXECUTION, "fence = fence + 1", "TRUE"),
    _changes("executions", _EXECUTION, "round = 9", "TRUE"),
    _changes("authority", _EXECUTION, "action_digest = 'sha256:0'", "TRUE"),
    _changes(
        "steps", "execution_step", "status = 'waiting'", "status = 'completed'", "execution_id || ' ' || name"
    ),
    _changes("attempts", "execution_attempt", "outcome = 'succeeded'", "outcome = 'refused'", _OF_STEP),
    _goes("attempts", "execution_attempt", "TRUE", _OF_STEP),
    _changes("manual tasks", "execution_manualtask", "status = 'done'", "status = 'not_done'", _OF_TASK),
    _changes("compensations", "execution_compensation", "status = 'declined'", "TRUE", _OF_OFFER),
    # --- What holds for agents
    _changes("policies", "governance_policyversion", "approved_by_id = NULL", "status = 'active'", "digest"),
    _changes("policies", "governance_policyversion", "shadow = FALSE", "shadow", "digest"),
    _changes("policies", "governance_policyversion", "score = '{}'", "status = 'active'", "digest"),
    Tampering(
        "policies",
        """INSERT INTO governance_policyversion (digest, text, status, note, shadow, rolled_back_because)
           VALUES ('sha256:forged', 'version: 1', 'approved', '', FALSE, '') RETURNING digest""",
    ),
    _changes("definitions", "governance_policyversion", "text = 'version: 1'", "status = 'active'", "digest"),
    _changes("definitions", "governance_prompttemplate", "text = 'Steal.'", "TRUE", "digest"),
    _changes("definitions", "governance_actiontype", "schema = '{}'", "current", _VERSION),
    _changes("action types", "governance_actiontype", "current = FALSE", "current", _VERSION),
    _changes("agents", "governance_agent", "boundaries = '{}'", "TRUE"),
    _changes("agents", "governance_agent", "enabled = FALSE", "TRUE"),
    _changes("deployments", "governance_deployment", "status = 'approved'", "status = 'active'"),
    _goes("deployments", "governance_deployment", "status = 'retired'"),
    _changes("secrets", "governance_secret", "granted_to = '{everything}'", "TRUE", "name"),
    _goes(
        "callback secrets", "governance_callbacksecret", "ends_at IS NULL", "agent_id || ' ' || fingerprint"
    ),
    # --- Doors
    _changes("keys", "governance_agentkey", "revoked_at = NULL", "revoked_at IS NOT NULL"),
    _changes("keys", "governance_agentkey", "expires_at = NULL", "expires_at IS NOT NULL"),
    Tampering(
        "keys",
        """INSERT INTO governance_agentkey (prefix, hash, name, given_by, agent_id)
           SELECT 'rk_forged', 'forged', '', '', id FROM governance_agent LIMIT 1 RETURNING id""",
    ),
    _goes("tokens", "governance_apitoken"),
    _changes("account links", "governance_accountlink", "used_at = NULL", "used_at IS NOT NULL"),
    _changes("people", "governance_user", "is_superuser = TRUE", "TRUE"),
    Tampering(
        "people",
        """INSERT INTO governance_user_groups (user_id, group_id, given_by)
           SELECT u.id, g.id, '' FROM governance_user u, auth_group g
            WHERE u.username = 'mara' AND g.name = 'operator' RETURNING user_id""",
    ),
    Tampering("people", "DELETE FROM governance_user_teams RETURNING user_id"),
    _changes("people", "governance_user", "is_active = FALSE", "TRUE"),
    _changes("access reviews", "governance_accessreview", "grants_count = 1", "status = 'open'"),
    _changes(
        "reviewed grants",
        "governance_reviewedgrant",
        "answer = 'removed'",
        "answer = 'kept' AND review_id IN (SELECT id FROM governance_accessreview WHERE status = 'open')",
    ),
    _changes("absences", "governance_absence", "ended_at = NULL", "ended_at IS NOT NULL"),
    # --- Trust
    _changes("stages", "governance_autonomy", "stage = 4", "stage = 2", _STAGE),
    Tampering(
        "stages",
        f"""INSERT INTO governance_autonomy (agent_id, action, stage, reason)
            SELECT id, 'refund_by_hand', 3, '' FROM governance_agent LIMIT 1 RETURNING {_STAGE}""",
    ),
    _changes("stage changes", "governance_stagechange", "reason = 'Another'", "TRUE"),
    _changes("stage changes", "governance_stagechange", "by_name = 'Nobody'", "TRUE"),
    _changes("kill switches", "governance_halt", "lifted_by_id = by_id", "TRUE"),
    _goes("stage changes", "governance_stagechange", "kind = 'demoted'"),
    _changes("gate bounds", "governance_gatebounds", "decisions = 50", "TRUE", "action"),
    _changes(
        "kill switches",
        "governance_halt",
        "lifted_at = NULL, lifted_by_id = NULL, lifting_reason = '', settled_at = NULL",
        "TRUE",
    ),
    _changes("standing approvals", "governance_standingapproval", "status = 'active'", "TRUE"),
    _changes("standing approvals", "governance_standingapproval", "rule = 'true'", "TRUE"),
    _changes("incidents", "governance_incident", "found_to_be = 'agent'", "TRUE"),
    _changes("incident notes", "governance_incidentnote", "text = 'Another'", "TRUE"),
    _changes("backtests", "suggestions_backtest", "status = 'failed'", "TRUE"),
    # --- What is beside and around
    _forged(
        "samples",
        "suggestions_sample",
        "id, proposal_id, agent_id, action, team_id, status, share, reason, salt",
        "gen_random_uuid(), id, agent_id, action, team_id, 'chosen', 0.1, '', '\\x00'",
        _PROPOSAL,
    ),
    _forged(
        "second decisions",
        "suggestions_secondreview",
        "id, proposal_id, team_id, first_id, second_id, status, share, deadline, verdict, reason, salt",
        "gen_random_uuid(), p.id, p.team_id, d.reviewer_id, u.id, 'open', 0.1, now(), '', '', '\\x00'",
        f"""{_PROPOSAL} p JOIN {_DECISION} d ON d.proposal_id = p.id
            JOIN governance_user u ON u.id <> d.reviewer_id""",
    ),
    _forged(
        "checks",
        "approvals_check",
        "proposal_id, team_id, kind, why, mutation, planted, result, verdict, reason, salt",
        "id, team_id, 'bad', 'So', '', '{}', '', '', '', '\\x00'",
        _PROPOSAL,
        "proposal_id",
    ),
    _forged(
        "callbacks",
        "suggestions_callback",
        "id, proposal_id, agent_id, origin, type, data, status, attempts, last_error",
        "gen_random_uuid(), id, agent_id, 'https://agent.example', 'proposal.approved', '{}', 'sent', 1, ''",
        _PROPOSAL,
    ),
    _forged(
        "callback addresses",
        "suggestions_callbackendpoint",
        "id, agent_id, origin, paused_at, paused_because",
        "gen_random_uuid(), id, 'https://agent.example', now(), 'failing'",
        "governance_agent",
        "agent_id || ' ' || origin",
    ),
    _forged(
        "signals",
        "execution_signal",
        "execution_id, name, data, by",
        "id, 'forged', '{}', 'Nobody'",
        _EXECUTION,
        "execution_id || ' forged'",
    ),
    _forged(
        "former executions",
        "execution_formerexecution",
        """id, proposal_id, suggestion_id, approved, action_digest, arguments, edited_digest, story, by_id,
           reason""",
        "gen_random_uuid(), s.proposal_id, s.id, '{}', 'sha256:0', '{}', 'sha256:1', '{}', u.id, 'So'",
        "suggestions_suggestion s, governance_user u",
    ),
    _forged(
        "breakers",
        "execution_breaker",
        "route, state, failures, opened, reason, by",
        "'POST http://shop/refunds', 'open', 0, 0, '', ''",
        "governance_user",
        "route",
    ),
    _forged(
        "notice targets",
        "approvals_target",
        "id, user_id, name, service, shown, sealed, failures, last_error",
        "gen_random_uuid(), id, '', 'mail', 'x', '\\x00', 0, ''",
        "governance_user",
    ),
    _forged(
        "bulk retries",
        "execution_bulkretry",
        """id, chosen, key, rate, reason, salt, by_id, on_behalf_of_id, status, total, retried, left_out,
           left_out_before, said, said_by""",
        "gen_random_uuid(), '{}', 'sha256:0', 5, 'So', '\\x00', id, id, 'running', 1, 0, 0, '{}', '', ''",
        "governance_user",
    ),
    _forged(
        "check plans",
        "approvals_checkplan",
        'team_id, "on", share, most_per_day, busy_from, from_past, changed_by_id',
        "t.slug, TRUE, 0.1, 2, 40, TRUE, u.id",
        "governance_team t, governance_user u",
        "team_id",
    ),
    _forged(
        "check templates",
        "approvals_checktemplate",
        "id, name, agent_id, kind, why, body, made_by_id",
        "gen_random_uuid(), 'Forged', a.id, 'bad', 'So', '{}', a.owner_id",
        "governance_agent a",
    ),
    _forged(
        "second factors",
        "mfa_authenticator",
        "user_id, type, data, created_at",
        "id, 'totp', '{}', now()",
        "governance_user",
        "user_id || ' totp'",
    ),
]
