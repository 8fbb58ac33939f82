"""People, and whatever opens a door: keys, tokens, links, second factors."""

from __future__ import annotations

from audit.log.record import as_utc
from governance.door.roles import OPERATOR
from governance.people.giving import SUPERUSER
from insights.fsck.ledger import Facts, Ledger, LogLine
from insights.fsck.moves import Move, actor, by, makes, moment, puts, said, sets
from insights.fsck.replay import Kind


def _has(fact: str, name: str, *, now: bool) -> Move:
    """A person has one of these from now on, or no more. Operators see raw rows; a superuser is a fact."""

    def move(ledger: Ledger, line: LogLine) -> None:
        person, one = line.data["user"], line.data[name]
        found: Facts = {"sees_raw_rows": now} if name == "role" and one == OPERATOR else {}
        if name == "role" and one == SUPERUSER:
            found["is_superuser"] = now
        else:
            others = {*ledger.facts_of(person).get(fact, [])} - {one}
            found[fact] = sorted(others | {one} if now else others)
        ledger.move(person, line, found)

    return move


PEOPLE = Kind(
    name="people",
    noun="person",
    sentence="Each account was created, with its roles and teams, as the log has it.",
    moves={
        "user.created": makes(
            by("user"),
            name=said("name"),
            roles=said("roles"),
            teams=said("teams"),
            sees_raw_rows=lambda line: OPERATOR in line.data["roles"],
            is_superuser=False,
            is_active=True,
            single_keys=True,
        ),
        "user.role_given": _has("roles", "role", now=True),
        "user.role_taken": _has("roles", "role", now=False),
        "user.team_joined": _has("teams", "team", now=True),
        "user.team_left": _has("teams", "team", now=False),
        "user.deactivated": sets(by("user"), was={"is_active": True}, is_active=False),
        "user.activated": sets(by("user"), was={"is_active": False}, is_active=True),
        "preference.changed": sets(actor, single_keys=said("single_keys")),
    },
    rows="""
        SELECT '', u.id::text, json_build_object('name', u.username, 'sees_raw_rows', u.is_staff,
               'is_superuser', u.is_superuser, 'is_active', u.is_active, 'single_keys', u.single_keys,
               'roles', ARRAY(SELECT g.name FROM governance_user_groups m
                                JOIN auth_group g ON g.id = m.group_id
                               WHERE m.user_id = u.id ORDER BY g.name COLLATE "C"),
               'teams', ARRAY(SELECT m.team_id FROM governance_user_teams m
                               WHERE m.user_id = u.id ORDER BY m.team_id COLLATE "C"))::text
          FROM governance_user u""",
)


def _opens(name: str, noun: str, table: str, owner: str, sentence: str) -> Kind:
    """Keys of agents and tokens of people are told of alike."""
    event, ends_at = ("agent_key" if owner == "agent" else "api_token"), moment("expires_at", None)
    facts = {"owner": said(owner), "prefix": said("prefix"), "called": said("name")}
    return Kind(
        name=name,
        noun=noun,
        sentence=sentence,
        moves={
            f"{event}.issued": makes(by("key"), **facts, ends=ends_at, is_revoked=False),
            f"{event}.rotated": sets(by("key"), was={"is_revoked": False}, ends=ends_at),
            f"{event}.revoked": sets(by("key"), was={"is_revoked": False}, is_revoked=True),
        },
        rows=f"""
            SELECT '', id::text, json_build_object('owner', {owner}_id::text, 'prefix', prefix,
                   'called', name, 'ends', {as_utc("expires_at")}, 'is_revoked', revoked_at IS NOT NULL)::text
              FROM {table}""",
    )


KEYS = _opens(
    "keys",
    "key",
    "governance_agentkey",
    "agent",
    "Each key of an agent was issued, and is replaced or revoked, as the log has it.",
)
TOKENS = _opens(
    "tokens",
    "token",
    "governance_apitoken",
    "user",
    "Each API token of a person was issued, and is replaced or revoked, as the log has it.",
)

LINKS = Kind(
    name="account links",
    noun="link",
    sentence="Each link with which somebody chooses a password was made, and used at most once.",
    moves={
        "account_link.made": makes(
            by("link"),
            person=said("user"),
            purpose=said("purpose"),
            is_by_mail=said("by_mail"),
            is_used=False,
        ),
        "account_link.used": sets(by("link"), was={"is_used": False}, is_used=True),
    },
    rows="""
        SELECT '', id::text, json_build_object('person', user_id::text, 'purpose', purpose,
               'is_by_mail', by_mail, 'is_used', used_at IS NOT NULL)::text FROM governance_accountlink""",
)


def _counts(step: int) -> Move:
    """One more of this type that a person has, or one fewer."""

    def move(ledger: Ledger, line: LogLine) -> None:
        subject = f"{line.data['user']} {line.data['type']}"
        ledger.put(subject, line, {"count": ledger.facts_of(subject).get("count", 0) + step})

    return move


def _has_none(facts: Facts) -> bool:
    return bool(facts["count"] == 0)


SECOND_FACTORS = Kind(
    name="second factors",
    noun="second factor",
    sentence="Each second factor of a person was added, and none was removed without an event.",
    moves={"second_factor.added": _counts(1), "second_factor.removed": _counts(-1)},
    rows="""
        SELECT '', user_id::text || ' ' || type, json_build_object('count', count(*))::text
          FROM mfa_authenticator GROUP BY user_id, type""",
    may_be_gone=_has_none,
)

ABSENCES = Kind(
    name="absences",
    noun="absence",
    sentence="Each absence was set, with who stands in, and began or ended, as the log has it.",
    moves={
        "absence.set": makes(
            by("absence"),
            person=said("person"),
            deputy=said("deputy"),
            since=moment("since"),
            until=moment("until"),
            has_begun=False,
            was_ended=False,
        ),
        "absence.begun": sets(by("absence"), has_begun=True),
        "absence.ended": sets(by("absence"), was={"was_ended": False}, was_ended=True),
    },
    rows=f"""
        SELECT '', id::text, json_build_object('person', person_id::text, 'deputy', deputy_id::text,
               'since', {as_utc("since")}, 'until', {as_utc("until")}, 'has_begun', begun_at IS NOT NULL,
               'was_ended', ended_at IS NOT NULL)::text FROM governance_absence""",
)

_UNSIGNED = {"name": "", "meaning": ""}
_UNCOUNTED = {"kept": None, "removed": None}

REVIEWS = Kind(
    name="access reviews",
    noun="access review",
    sentence="Each review of access was opened, submitted and signed as the log has it.",
    moves={
        "access_review.opened": makes(
            by("access_review"), status="open", grants=said("grants"), **_UNCOUNTED, **_UNSIGNED
        ),
        "access_review.submitted": sets(
            by("access_review"),
            was={"status": "open"},
            status="submitted",
            kept=said("kept"),
            removed=said("removed"),
        ),
        "access_review.returned": sets(
            by("access_review"), was={"status": "submitted"}, status="open", **_UNCOUNTED
        ),
        "access_review.signed": sets(
            by("access_review"),
            was={"status": "submitted"},
            status="signed",
            name=said("printed_name"),
            meaning=said("meaning"),
        ),
    },
    rows="""
        SELECT '', id::text, json_build_object('status', status, 'grants', grants_count, 'kept', kept,
               'removed', removed, 'name', signed_name, 'meaning', meaning)::text
          FROM governance_accessreview""",
)


def _is_unanswered(facts: Facts) -> bool:
    return not facts["answer"]


REVIEWED = Kind(
    name="reviewed grants",
    noun="grant",
    sentence="Each grant of a review was kept or removed as the log has it.",
    moves={
        "access_review.grant_kept": puts(by("grant"), answer="kept"),
        "access_review.grant_removed": puts(by("grant"), answer="removed"),
        "access_review.answer_withdrawn": puts(by("grant"), answer=""),
    },
    rows="SELECT '', id::text, json_build_object('answer', answer)::text FROM governance_reviewedgrant",
    needs_no_event=_is_unanswered,
)

KINDS = (PEOPLE, KEYS, TOKENS, LINKS, SECOND_FACTORS, ABSENCES, REVIEWS, REVIEWED)
