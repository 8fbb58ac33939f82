"""What the log commits to is computed anew from the rows: contents, arguments, definitions, policies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from audit.ground.canonical import commitment, digest
from audit.ground.refusals import Invalid
from governance.actions.action_types import definition_of
from governance.models import ActionType, PolicyVersion
from governance.policies import policy
from insights.fsck.checking import Check, Finding, rows
from insights.fsck.ledger import LogLine

_CONTENTS = """
SELECT e.id, p.id::text, e.body, encode(p.salt, 'hex'), json_build_object(
       'title', p.title, 'summary', p.summary, 'subject', json_build_array(p.subject_type, p.subject_id),
       'context', p.context, 'suggestions', (
           SELECT json_object_agg(s.rank, json_build_array(s.arguments, s.before, s.risk_indicators,
                                                           s.explanation))
             FROM suggestions_suggestion s WHERE s.proposal_id = p.id))::text
  FROM suggestions_proposal p
  JOIN audit_event e ON e.proposal_id = p.id AND e.type IN ('proposal.submitted', 'check.slipped_in')
"""


def _contents() -> Iterator[Finding]:
    for event, proposal, body, salt, text in rows(_CONTENTS):
        told = LogLine(event, proposal, body).data
        content = json.loads(text)
        ranked = content["suggestions"] or {}
        # The order in which they were handed in is that of the event. One of another form is found elsewhere.
        content["suggestions"] = [ranked.get(str(one["rank"])) for one in told.get("suggestions", [])]
        if commitment(bytes.fromhex(salt), content) != told.get("content"):
            yield Finding(
                "contents", "proposal", proposal, "the content that was handed in", "another one", event
            )


_ARGUMENTS = """
SELECT 'suggestion', s.id::text, t.name, t.version, s.arguments::text, s.action_digest
  FROM suggestions_suggestion s JOIN governance_actiontype t ON t.id = s.action_type_id
UNION ALL
SELECT 'answer to proposal', r.proposal_id::text, t.name, t.version, r.arguments::text, r.action_digest
  FROM suggestions_resolution r JOIN suggestions_suggestion s ON s.id = r.suggestion_id
  JOIN governance_actiontype t ON t.id = s.action_type_id WHERE r.arguments IS NOT NULL
UNION ALL
SELECT 'decision', d.id::text, t.name, t.version, coalesce(d.arguments, s.arguments)::text, d.action_digest
  FROM approvals_decision d JOIN suggestions_suggestion s ON s.id = d.suggestion_id
  JOIN governance_actiontype t ON t.id = s.action_type_id WHERE d.verdict = 'approve'
"""


def _arguments() -> Iterator[Finding]:
    for kind, subject, action, version, text, kept in rows(_ARGUMENTS):
        made = digest({"action": action, "version": version, "arguments": json.loads(text)})
        if made != kept:
            yield Finding("arguments", kind, subject, f"arguments of {kept}", f"those of {made}")


_UNAPPROVED = """
SELECT e.id::text, e.action_digest, coalesce(r.action_digest, 'no approval')
  FROM execution_execution e
  LEFT JOIN suggestions_resolution r ON r.proposal_id = e.proposal_id AND r.status = 'approved'
 WHERE r.action_digest IS DISTINCT FROM e.action_digest
"""


def _authority() -> Iterator[Finding]:
    for execution, carried_out, approved in rows(_UNAPPROVED):
        yield Finding("authority", "execution", execution, f"an approval of {carried_out}", approved)


def _definitions() -> Iterator[Finding]:
    for kind, subject, name, made in _named_by_digest():
        if made != name:
            yield Finding("definitions", kind, subject, f"content of {name}", f"that of {made}")


def _named_by_digest() -> Iterator[tuple[str, str, str, str]]:
    """What is called by a digest: which kind, which one, its digest as kept, and computed anew."""
    for version in ActionType.objects.iterator():
        yield "action type", str(version), version.definition_digest, digest(definition_of(version))
    for written in PolicyVersion.objects.iterator():
        yield "policy", written.pk, written.pk, _digest_of(written.text)
    for name, text in rows("SELECT digest, text FROM governance_prompttemplate"):
        yield "prompt", name, name, f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _digest_of(text: str) -> str:
    try:
        return policy.digest_of(policy.parse(text))
    except Invalid:
        return "no policy"


CHECKS = (
    Check("contents", "What was handed in is what the log commits to.", _contents),
    Check("arguments", "Arguments are those of the digest by which they were decided.", _arguments),
    Check("authority", "Nothing is carried out but what was approved, to the letter.", _authority),
    Check("definitions", "Action types, policies and prompts are those of their digests.", _definitions),
)
