"""What holds for agents: policies, kinds of action, agents, what they run with, secrets."""

from __future__ import annotations

from typing import Any

from audit.ground.canonical import digest
from insights.fsck.ledger import Facts, Ledger, LogLine
from insights.fsck.moves import by, ends, makes, person, said, sets
from insights.fsck.replay import Kind

# --- Policies -------------------------------------------------------------------------------------


def _in_force(ledger: Ledger, line: LogLine) -> None:
    """The one that was in force is retired, and passed by at the next return where it was left."""
    for before in list(ledger.having(status="active")):
        ledger.move(before, line, {"status": "retired", "was_left": line.type == "policy.rolled_back"})
    facts = {"status": "active", "is_shadow": False, "was_left": False}
    ledger.move(line.data["policy"], line, facts, was={"status": frozenset({"approved", "retired"})})


def _validated(ledger: Ledger, line: LogLine) -> None:
    policy = line.data["policy"]
    was_draft = ledger.facts_of(policy).get("status") == "draft"
    ledger.move(policy, line, {"score": line.data["score"], **({"status": "validated"} if was_draft else {})})


def _with_score(facts: Facts) -> Facts:
    return {**facts, "score": None if facts["score"] is None else digest(facts["score"])}


POLICIES = Kind(
    name="policies",
    noun="policy",
    sentence="Each policy went its way from draft to retirement, and one is in force, as the log has it.",
    moves={
        "policy.drafted": makes(
            by("policy"),
            status="draft",
            person=person,
            approved=None,
            score=None,
            is_shadow=False,
            was_left=False,
        ),
        "policy.validated": _validated,
        "policy.approved": sets(
            by("policy"), was={"status": "validated"}, status="approved", approved=person
        ),
        "policy.activated": _in_force,
        "policy.rolled_back": _in_force,
        "policy.shadowed": sets(by("policy"), is_shadow=True),
        "policy.unshadowed": sets(by("policy"), is_shadow=False),
    },
    rows="""
        SELECT '', digest, json_build_object('status', status, 'person', author_id::text,
               'approved', approved_by_id::text, 'score', score, 'is_shadow', shadow,
               'was_left', rolled_back_because <> '')::text
          FROM governance_policyversion""",
    reads=_with_score,
)


# --- Kinds of action ------------------------------------------------------------------------------


def _registered(ledger: Ledger, line: LogLine) -> None:
    """The newest version is the current one."""
    action = line.data["action"]
    for before in list(ledger.having(action=action, is_current=True)):
        ledger.move(before, line, {"is_current": False})
    facts = {"action": action, "digest": line.data["definition_digest"], "is_current": True}
    ledger.make(f"{action}@{line.data['version']}", line, {**facts, "source": line.data.get("source", "")})


ACTION_TYPES = Kind(
    name="action types",
    noun="action type",
    sentence="Each version of an action type was registered, and the newest is the current one.",
    moves={"action_type.registered": _registered},
    rows="""
        SELECT '', name || '@' || version, json_build_object('action', name, 'digest', definition_digest,
               'is_current', current, 'source', source)::text FROM governance_actiontype""",
)


# --- Agents ---------------------------------------------------------------------------------------


def _bounds(name: str) -> Any:
    return lambda line: line.data["after"][name]


AGENTS = Kind(
    name="agents",
    noun="agent",
    sentence="Each agent was created, and is enabled and bounded as the log has it.",
    moves={
        "agent.created": makes(
            by("agent"),
            name=said("name"),
            owner=said("owner"),
            actions=said("allowed_actions"),
            is_enabled=True,
            boundaries={},
        ),
        "boundaries.changed": sets(
            by("agent"),
            is_enabled=_bounds("enabled"),
            actions=_bounds("action_types"),
            boundaries=_bounds("boundaries"),
        ),
    },
    rows="""
        SELECT '', id::text, json_build_object('name', name, 'owner', owner_id::text,
               'actions', allowed_actions, 'is_enabled', enabled, 'boundaries', boundaries)::text
          FROM governance_agent""",
)


# --- Deployments ----------------------------------------------------------------------------------


def _in_place(ledger: Ledger, line: LogLine) -> None:
    """The one that its agent ran with is retired."""
    for before in list(ledger.having(agent=line.data["agent"], status="active")):
        ledger.move(before, line, {"status": "retired"})
    allowed = frozenset({"approved", "retired"})
    ledger.move(line.data["deployment"], line, {"status": "active"}, was={"status": allowed})


DEPLOYMENTS = Kind(
    name="deployments",
    noun="deployment",
    sentence="Each deployment was registered, approved and activated, as the log has it.",
    moves={
        "deployment.registered": makes(
            by("deployment"),
            agent=said("agent"),
            label=said("label"),
            model=said("model"),
            prompts=said("prompts"),
            person=person,
            approved=None,
            status="registered",
        ),
        "deployment.approved": sets(
            by("deployment"), was={"status": "registered"}, status="approved", approved=person
        ),
        "deployment.activated": _in_place,
        "deployment.rolled_back": _in_place,
    },
    rows="""
        SELECT '', id::text, json_build_object('agent', agent_id, 'label', label, 'model', model,
               'prompts', prompts, 'person', registered_by_id::text, 'approved', approved_by_id::text,
               'status', status)::text FROM governance_deployment""",
)


# --- Secrets --------------------------------------------------------------------------------------


def _written(ledger: Ledger, line: LogLine) -> None:
    """A new one, or another value in the place of one."""
    facts = {"granted": line.data["granted_to"], "person": line.person, "is_rotated": False}
    tell = ledger.move if line.data["replaced"] else ledger.make
    tell(line.data["secret"], line, facts)


SECRETS = Kind(
    name="secrets",
    noun="secret",
    sentence="Each secret was written, and may be used by those whom the log names.",
    moves={
        "secret.written": _written,
        "secret.granted": sets(by("secret"), granted=said("granted_to")),
        "secret.rotated": sets(by("secret"), is_rotated=True),
        "secret.deleted": ends(by("secret")),
    },
    rows="""
        SELECT '', name, json_build_object('granted', granted_to, 'person', written_by_id::text,
               'is_rotated', rotated_at IS NOT NULL)::text FROM governance_secret""",
)


def _replaced(ledger: Ledger, line: LogLine) -> None:
    """The first one of an agent, which is computed, gets its row with its replacement."""
    agent = line.data["agent"]
    ledger.put(f"{agent} {line.data['replaces']}", line, {"is_newest": False})
    ledger.make(f"{agent} {line.data['secret']}", line, {"is_newest": True})


CALLBACK_SECRETS = Kind(
    name="callback secrets",
    noun="callback secret",
    sentence="Each secret that signs what agents are told took the place of another, as the log has it.",
    moves={"callback_secret.rotated": _replaced},
    rows="""
        SELECT '', agent_id::text || ' ' || fingerprint,
               json_build_object('is_newest', ends_at IS NULL)::text FROM governance_callbacksecret""",
)

KINDS = (POLICIES, ACTION_TYPES, AGENTS, DEPLOYMENTS, SECRETS, CALLBACK_SECRETS)
