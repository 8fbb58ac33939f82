"""A review of access: begun, answered grant by grant, handed in, signed by a second person, then for good."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test import override_settings

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.models import Event
from governance import tasks
from governance.access import answer, begin, grants, reviews, sign
from governance.access.removal import REASON
from governance.door import keys
from governance.models import AccessReview, AgentKey, ApiToken, ReviewedGrant, StandingApproval, User
from governance.people import giving
from tests.conftest import actor_of
from tests.governance.access.made import FULLY, begun, keep_all, of
from tests.governance.access.test_grants import standing

pytestmark = pytest.mark.django_db


def told(prefix: str = "access_review.") -> list[tuple[str, dict[str, Any]]]:
    events = Event.objects.filter(type__startswith=prefix).order_by("id")
    return [(event.type, json.loads(event.body)["data"]) for event in events]


def types(prefix: str = "access_review.") -> list[str]:
    return [name for name, _ in told(prefix)]


def submitted(by: Any) -> AccessReview:
    review = begun(by)
    keep_all(by)
    return sign.submit(review.pk, by=by, actor=actor_of(by))


# --- Beginning ------------------------------------------------------------------------------


def test_everything_of_that_moment_is_written_down(ana: Any, olga: Any, agent: Any) -> None:
    keys.issue_key(agent, actor=actor_of(olga), name="production")
    before = grants.everything()
    review = begun(olga)
    keys.issue_key(agent, actor=actor_of(olga), name="later")
    kept = [
        (row.holder, row.kind, row.target, row.holder_name, row.user_id, row.what, row.since, row.given_by)
        for row in reviews.grants_of(review)
    ]
    assert kept == [
        (row.holder, row.kind, row.target, row.holder_name, row.user, row.what, row.since, row.given_by)
        for row in before
    ]
    assert review.due_at - review.opened_at == timedelta(days=14)
    assert told() == [
        (
            "access_review.opened",
            {"access_review": str(review.pk), "grants": 6, "due": review.due_at.isoformat()},
        )
    ]


def test_there_is_one_review_at_a_time(olga: Any) -> None:
    begun(olga)
    with pytest.raises(begin.AnotherIsUnfinished):
        begun(olga)
    assert AccessReview.objects.count() == 1
    assert types() == ["access_review.opened"]


def test_a_review_begins_by_itself_each_quarter(olga: Any, dora: Any) -> None:
    tasks.begin_access_review()
    assert not AccessReview.objects.exists()  # the first account is of today
    User.objects.filter(pk=olga.pk).update(date_joined=Now() - timedelta(days=93))
    tasks.begin_access_review()
    tasks.begin_access_review()
    review = AccessReview.objects.get()
    assert review.opened_by is None
    assert Event.objects.get(type="access_review.opened").actor.startswith("timer:")
    AccessReview.objects.update(opened_at=Now() - timedelta(days=93))
    assert not begin.is_due()  # it is not signed yet
    AccessReview.objects.update(opened_at=review.opened_at)

    keep_all(olga)
    sign.submit(review.pk, by=olga, actor=actor_of(olga))
    sign.sign(review.pk, by=dora, meaning=FULLY, actor=actor_of(dora))
    tasks.begin_access_review()
    assert AccessReview.objects.count() == 1


@override_settings(ACCESS_REVIEW_MONTHS=0)
def test_none_begins_by_itself_where_that_is_off(olga: Any) -> None:
    User.objects.update(date_joined=Now() - timedelta(days=1_000))
    tasks.begin_access_review()
    assert not AccessReview.objects.exists()


# --- Answering ------------------------------------------------------------------------------

REMOVALS: dict[str, Callable[[Any, Any], bool]] = {
    "account": lambda ana, _: User.objects.get(pk=ana.pk).is_active,
    "role": lambda ana, _: User.objects.get(pk=ana.pk).groups.exists(),
    "team": lambda ana, _: User.objects.get(pk=ana.pk).teams.exists(),
    "token": lambda *_: ApiToken.objects.filter(revoked_at=None).exists(),
    "key": lambda *_: AgentKey.objects.filter(revoked_at=None).exists(),
    "standing": lambda *_: StandingApproval.objects.active().exists(),
}
EVENTS = {
    "account": "user.deactivated",
    "role": "user.role_taken",
    "team": "user.team_left",
    "token": "api_token.revoked",
    "key": "agent_key.revoked",
    "standing": "standing_approval.revoked",
}


@pytest.mark.parametrize("kind", REMOVALS)
def test_what_is_removed_is_gone_at_once(ana: Any, ben: Any, olga: Any, agent: Any, kind: str) -> None:
    keys.issue_token(ana, actor=SYSTEM)
    keys.issue_key(agent, actor=SYSTEM)
    standing(agent, ana, ben)
    begun(olga)
    holder = "ana" if kind in ("account", "role", "team", "token") else "support-bot"
    still_there = REMOVALS[kind]
    assert still_there(ana, agent)
    grant = answer.remove(of(holder, kind).pk, by=olga, actor=actor_of(olga))
    assert not still_there(ana, agent)
    assert (grant.answer, grant.answered_by, grant.had_ended) == ("removed", olga, False)
    assert Event.objects.get(type=EVENTS[kind]).actor == f"user:{olga.pk}"
    assert told()[-1] == (
        "access_review.grant_removed",
        {
            "access_review": str(grant.review_id),
            "grant": grant.pk,
            "kind": kind,
            "holder": holder,
            "what": grant.target,
            "had_ended": False,
        },
    )
    if kind == "standing":
        assert StandingApproval.objects.get().ending_reason == REASON


def test_what_ended_meanwhile_is_not_kept_and_its_removal_says_so(olga: Any, agent: Any) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    begun(olga)
    keys.revoke(AgentKey.objects.get(), actor=SYSTEM)
    key = of("support-bot", "key")
    with pytest.raises(answer.HasEnded):
        answer.keep(key.pk, by=olga, actor=actor_of(olga))
    assert answer.remove(key.pk, by=olga, actor=actor_of(olga)).had_ended
    with pytest.raises(answer.CannotReturn):
        answer.withdraw(key.pk, actor=actor_of(olga))


@pytest.mark.parametrize("kind", ["account", "role", "team"])
def test_an_answer_is_taken_back(ana: Any, olga: Any, kind: str) -> None:
    begun(olga)
    grant = of("ana", kind)
    answer.remove(grant.pk, by=olga, actor=actor_of(olga))
    assert answer.withdraw(grant.pk, actor=actor_of(olga)).answer == ""
    assert REMOVALS[kind](ana, None)
    answer.keep(grant.pk, by=olga, actor=actor_of(olga))
    answer.withdraw(grant.pk, actor=actor_of(olga))
    answer.withdraw(grant.pk, actor=actor_of(olga))
    assert [name.rpartition(".")[2] for name in types()] == [
        *("opened", "grant_removed", "answer_withdrawn", "grant_kept", "answer_withdrawn"),
    ]


def test_what_was_revoked_does_not_come_back(ana: Any, olga: Any) -> None:
    keys.issue_token(ana, actor=SYSTEM)
    begun(olga)
    token = of("ana", "token")
    answer.remove(token.pk, by=olga, actor=actor_of(olga))
    with pytest.raises(answer.CannotReturn):
        answer.withdraw(token.pk, actor=actor_of(olga))
    assert of("ana", "token").answer == "removed"


def test_the_last_operator_is_not_removed(ana: Any, olga: Any) -> None:
    begun(olga)
    for kind in ("role", "account"):
        with pytest.raises(giving.LastOperator):
            answer.remove(of("olga", kind).pk, by=olga, actor=actor_of(olga))
        assert of("olga", kind).answer == ""
    assert types() == ["access_review.opened"]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_answer_at_once_one_is_told_that_the_other_was_first(
    ana: Any, olga: Any, pia: Any
) -> None:
    begun(olga)
    grant = of("ana", "team")
    together, refused = threading.Barrier(2), []

    def answered(verb: Any, by: Any) -> None:
        try:
            together.wait()
            verb(grant.pk, by=by, actor=actor_of(by))
        except answer.AlreadyAnswered as error:
            refused.append(error)
        finally:
            connection.close()

    both = [
        threading.Thread(target=answered, args=pair) for pair in ((answer.keep, olga), (answer.remove, pia))
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(refused) == 1
    now = of("ana", "team")
    assert now.answered_by is not None
    assert refused[0].detail == f"{now.answered_by.printed_name} has answered already: {now.answer}."
    assert ana.teams.exists() == (now.answer == "kept")


# --- Two signatures ---------------------------------------------------------------------------


def test_it_is_handed_in_with_every_answer_and_signed_by_a_second_person(
    ana: Any, olga: Any, dora: Any
) -> None:
    review = begun(olga)
    answer.remove(of("ana", "team").pk, by=olga, actor=actor_of(olga))
    keep_all(olga)
    review = sign.submit(review.pk, by=olga, actor=actor_of(olga))
    assert (review.status, review.kept, review.removed, review.submitted_by) == ("submitted", 6, 1, olga)

    review = sign.sign(review.pk, by=dora, meaning=FULLY, actor=actor_of(dora))
    assert (review.status, review.signed_by, review.signed_name) == ("signed", dora, "Dora")
    (handed_in, first), (signed, second) = told()[-2:]
    assert (handed_in, signed) == ("access_review.submitted", "access_review.signed")
    assert second == {**first, "printed_name": "Dora", "meaning": "looked_through"}
    assert first["grants_digest"] == sign.grants_digest(review)


def test_it_is_not_handed_in_before_every_grant_is_answered(ana: Any, olga: Any) -> None:
    review = begun(olga)
    with pytest.raises(sign.NotEveryGrantAnswered, match="5 grants are not answered yet"):
        sign.submit(review.pk, by=olga, actor=actor_of(olga))
    keep_all(olga)
    answer.withdraw(of("ana", "team").pk, actor=actor_of(olga))
    with pytest.raises(sign.NotEveryGrantAnswered, match="1 grant is not answered yet"):
        sign.submit(review.pk, by=olga, actor=actor_of(olga))


def test_whoever_answered_or_handed_it_in_does_not_sign(olga: Any, pia: Any, ana: Any, dora: Any) -> None:
    review = begun(olga)
    answer.keep(of("olga", "role").pk, by=pia, actor=actor_of(pia))
    keep_all(olga)
    sign.submit(review.pk, by=ana, actor=actor_of(ana))  # who answered to nothing
    for person in (olga, pia, ana):
        with pytest.raises(sign.NoSecondPerson):
            sign.sign(review.pk, by=person, meaning=FULLY, actor=actor_of(person))
    assert sign.sign(review.pk, by=dora, meaning=FULLY, actor=actor_of(dora)).status == "signed"


def test_a_signature_says_what_it_means(olga: Any, dora: Any) -> None:
    review = submitted(olga)
    for meaning in ("", "whatever"):
        with pytest.raises(Invalid):
            sign.sign(review.pk, by=dora, meaning=meaning, actor=actor_of(dora))
    assert reviews.unfinished() == review


def test_each_step_begins_where_the_one_before_ended(olga: Any, dora: Any) -> None:
    review = begun(olga)
    with pytest.raises(sign.WrongState):
        sign.sign(review.pk, by=dora, meaning=FULLY, actor=actor_of(dora))
    with pytest.raises(sign.WrongState):
        sign.send_back(review.pk, actor=actor_of(dora))
    keep_all(olga)
    sign.submit(review.pk, by=olga, actor=actor_of(olga))
    grant = of("olga", "role")
    for verb in (answer.keep, answer.remove):
        with pytest.raises(answer.NotOpen):
            verb(grant.pk, by=olga, actor=actor_of(olga))
    with pytest.raises(answer.NotOpen):
        answer.withdraw(grant.pk, actor=actor_of(olga))

    sign.send_back(review.pk, actor=actor_of(dora))
    assert answer.withdraw(grant.pk, actor=actor_of(olga)).answer == ""
    assert types()[-2:] == ["access_review.returned", "access_review.answer_withdrawn"]


def test_what_is_signed_can_not_be_changed_even_past_the_verbs(olga: Any, dora: Any) -> None:
    review = submitted(olga)
    sign.sign(review.pk, by=dora, meaning=FULLY, actor=actor_of(dora))
    kept = AccessReview.objects.filter(pk=review.pk)
    grant = ReviewedGrant.objects.first()
    assert grant is not None
    changes: list[Callable[[], Any]] = [
        lambda: kept.update(signed_name="Somebody else"),
        lambda: kept.update(status="open"),
        lambda: ReviewedGrant.objects.filter(pk=grant.pk).update(answer="removed"),
        lambda: ReviewedGrant.objects.filter(pk=grant.pk).delete(),
        lambda: ReviewedGrant.objects.create(review=review, holder="eve", kind="role", target="operator"),
        lambda: kept._raw_delete("default"),  # type: ignore[attr-defined]
    ]
    for change in changes:
        with pytest.raises(Error, match="stay"), transaction.atomic():
            change()
    assert sign.grants_digest(review) == told()[-1][1]["grants_digest"]


@pytest.mark.parametrize(
    "columns",
    [
        {"signed_by_id": "olga"},  # who handed it in
        {"signed_name": ""},
        {"meaning": ""},
        {"kept": 0},  # of one that is submitted, each grant has an answer
    ],
)
def test_the_database_refuses_half_a_signature(olga: Any, dora: Any, columns: dict[str, Any]) -> None:
    review = submitted(olga)
    whole = {
        "status": "signed",
        "signed_by_id": dora.pk,
        "signed_at": Now(),
        "signed_name": "Dora",
        "meaning": "sampled",
    }
    told_otherwise = {name: olga.pk if value == "olga" else value for name, value in columns.items()}
    with pytest.raises(IntegrityError), transaction.atomic():
        AccessReview.objects.filter(pk=review.pk).update(**{**whole, **told_otherwise})
    assert AccessReview.objects.filter(pk=review.pk).update(**whole) == 1


def test_answers_of_holders_to_their_own_grants_are_counted(olga: Any, pia: Any) -> None:
    review = begun(olga)
    answer.keep(of("olga", "role").pk, by=olga, actor=actor_of(olga))
    answer.keep(of("olga", "account").pk, by=pia, actor=actor_of(pia))
    progress = reviews.progress_of(review)
    assert (progress.own, progress.answered, progress.left) == (1, 2, 2)
    own, _ = reviews.page(review, part="own")
    assert [(row.holder, row.kind) for row in own] == [("olga", "role")]
