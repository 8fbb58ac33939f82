"""People, and whatever opens a door: keys, tokens, links, second factors."""

from __future__ import annotations

from audit.log.record import as_utc
from insights.fsck.ledger import Facts, Ledger, LogLine
from insights.fsck.moves import Move, actor, by, makes, moment, said, sets
from insights.fsck.replay import Kind

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
            sees_raw_rows=lambda line: "operator" in line.data["roles"],
            is_superuser=False,
            single_keys=True,
        ),
        "preference.changed": sets(actor, single_keys=said("single_keys")),
    },
    rows="""
        SELECT '', u.id::text, json_build_object('name', u.username, 'sees_raw_rows', u.is_staff,
               'is_superuser', u.is_superuser, 'single_keys', u.single_keys,
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

KINDS = (PEOPLE, KEYS, TOKENS, LINKS, SECOND_FACTORS, ABSENCES)
