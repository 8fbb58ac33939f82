"""Who has what on their screen, for how long, and how it is said."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.cache import SessionStore
from django.db.models import F
from django.db.models.functions import Now

from approvals.attention import looks, pace
from approvals.attention.looks import LASTS, MOST_AT_ONCE
from approvals.attention.presence import beat, read_about
from approvals.attention.reading import MOST_SECONDS, seconds_for, words
from approvals.attention.seen import NotAllShown, check_shown, present
from approvals.detail.gather import detail_of
from approvals.models import Decision, Here, Look, Notice
from governance.models import User
from suggestions.models import Proposal, Suggestion
from tests.approvals.deciding.test_decide import approve, reject
from tests.approvals.desk.test_views import browser
from tests.conftest import make_person, suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

LONG = "word " * 400


def since(proposal: Any, seconds: int) -> None:
    """As if the last beat was so long ago."""
    Look.objects.filter(proposal=proposal).update(until=F("until") - timedelta(seconds=seconds))


# --- How long -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kept"), [(0, 0), (-5, 0), (7, 7), (MOST_AT_ONCE, 60), (MOST_AT_ONCE + 1, 60), (10**9, 60)]
)
def test_a_first_beat_adds_a_minute_at_most(proposal: Any, ana: Any, said: int, kept: int) -> None:
    looks.look(proposal.pk, user=ana, seconds=said)
    assert Look.objects.get().seconds == kept


@pytest.mark.parametrize(
    ("passed", "said", "kept"),
    [(10, 10, 15), (10, 60, 15), (0, 60, 5), (30, 60, 35), (300, 60, 65), (300, 5, 10)],
)
def test_a_later_one_no_more_than_has_passed(
    proposal: Any, ana: Any, passed: int, said: int, kept: int
) -> None:
    looks.look(proposal.pk, user=ana, seconds=5)
    since(proposal, passed)

    looks.look(proposal.pk, user=ana, seconds=said)

    assert kept <= Look.objects.get().seconds <= kept + 1  # a second begun is a second


def test_all_of_it_was_shown_once_and_for_all(proposal: Any, ana: Any) -> None:
    for all_shown in (False, True, False):
        looks.look(proposal.pk, user=ana, seconds=1, all_shown=all_shown)
    assert Look.objects.get().all_shown is True


@pytest.mark.parametrize("ended", [approve, reject])
def test_of_what_was_decided_nothing_is_noted(proposal: Any, ana: Any, ben: Any, ended: Any) -> None:
    ended(proposal, ben)
    looks.look(proposal.pk, user=ana, seconds=9)
    assert not Look.objects.exists()


@pytest.mark.parametrize(
    ("page", "there"), [("one", False), ("another", True), ("", True), ("one" + "x" * 40, True)]
)
def test_only_the_page_that_beat_last_takes_somebody_away(
    proposal: Any, ana: Any, page: str, there: bool
) -> None:
    looks.look(proposal.pk, user=ana, seconds=1, page="one")
    looks.look(proposal.pk, user=ana, seconds=1, leaves=True, page=page)
    assert (proposal.pk in looks.present([proposal.pk])) is there


def test_who_was_silent_for_a_while_is_gone(proposal: Any, ana: Any) -> None:
    looks.look(proposal.pk, user=ana, seconds=1)
    assert looks.present([proposal.pk]) == {proposal.pk: [(ana.pk, "Ana")]}
    since(proposal, LASTS)
    assert looks.present([proposal.pk]) == {}
    assert looks.everybody() == {}


# --- Who else -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (0, ""),
        (1, "R0 is looking at this"),
        (2, "R0 and R1 are looking at this"),
        (3, "R0, R1 and R2 are looking at this"),
        (4, "R0, R1 and 2 others are looking at this"),
        (7, "R0, R1 and 5 others are looking at this"),
    ],
)
def test_the_others_are_named_or_counted(proposal: Any, ana: Any, others: int, said: str) -> None:
    looks.look(proposal.pk, user=ana, seconds=1)
    for n in range(others):
        looks.look(proposal.pk, user=make_person(f"r{n}", "reviewer"), seconds=1)

    assert present(proposal, ana) == said
    assert looks.everybody()[proposal.pk].people[0] == (ana.pk, "Ana")
    assert len(looks.everybody()[proposal.pk].people) == others + 1


def test_a_name_that_hides_something_shows_it(proposal: Any, ana: Any, ben: Any) -> None:
    User.objects.filter(pk=ben.pk).update(first_name="B\u202een", last_name="")
    looks.look(proposal.pk, user=User.objects.get(pk=ben.pk), seconds=1)
    assert present(proposal, ana) == "B[U+202E]en is looking at this"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"seconds": "5", "all_shown": "yes", "leaves": "yes", "page": "x" * 5_000},
        {"seconds": "5.5", "page": "\u202e<script>"},
        {"seconds": "1e3"},
    ],
)
def test_a_beat_with_odd_fields_is_a_beat(proposal: Any, ana: Any, sent: dict[str, str]) -> None:
    answer = browser(ana).post(f"/queue/{proposal.pk}/look/", sent)
    look = Look.objects.get()
    assert (answer.status_code, look.all_shown, len(look.page) <= 16) == (200, False, True)
    assert proposal.pk in looks.present([proposal.pk])


# --- What has been on the screen ------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "refused"), [("", True), ("sha256:other", True), ("sha256:this", False)])
def test_a_page_vouches_for_exactly_one_action(said: str, refused: bool) -> None:
    with pytest.raises(NotAllShown) if refused else nullcontext():
        check_shown("sha256:this", said=said)


def test_of_an_edit_its_own_parts_are_counted(propose: Any, ana: Any, ben: Any) -> None:
    proposal = propose()
    Proposal.objects.update(approvals_needed=2)
    edited = approve(proposal, ana, arguments={"order_id": "#W1", "amount": 5, "note": LONG}).decision

    bar = detail_of(proposal.pk, reader=ben).bar

    folds = {one.digest: one.folds for one in bar.approvals}
    assert folds == {proposal.suggestions.get().action_digest: 0, edited.action_digest: 1}


# --- What one was told counts as read ---------------------------------------------------------------------


def test_looking_at_it_reads_what_tells_of_it_alone(proposal: Any, propose: Any, ana: Any, ben: Any) -> None:
    other = propose()
    told = {"risk": 1, "urgent": False, "team_id": "operations"}
    alone = Notice.objects.create(user=ana, kind="assigned", proposals=[proposal.pk], **told)
    both = Notice.objects.create(user=ana, kind="new", proposals=[proposal.pk, other.pk], count=2, **told)
    theirs = Notice.objects.create(user=ben, kind="assigned", proposals=[proposal.pk], **told)

    read_about(proposal.pk, ana)

    read = {notice.pk for notice in Notice.objects.exclude(read_at=None)}
    assert read == {alone.pk}
    assert {both.pk, theirs.pk} & read == set()


def test_the_desk_is_remembered_while_other_pages_beat(ana: Any) -> None:
    beat(ana, desk=True)
    before = Here.objects.get().desk_at
    beat(ana, desk=False)
    here = Here.objects.get()
    assert before is not None
    assert (here.desk_at, here.at >= before) == (before, True)


# --- A quiet word -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["", "nonsense", "x" * 5_000, "\u202e", "OTHER"])
def test_only_this_run_can_be_put_away(propose: Any, ana: Any, settings: Any, run: str) -> None:
    settings.PACE_RUN = 2
    for n in range(2):
        approve(
            propose(suggestions=[suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})]), ana
        )
    Decision.objects.update(looked_seconds=1, reading_seconds=100)
    session = SessionStore()
    word = pace.word_for(pace.latest(ana), session)
    assert word is not None
    assert (word.count, word.took, word.holds) == (2, 1, 100)

    pace.put_away(run, session)
    assert pace.word_for(pace.latest(ana), session) == word
    pace.put_away(str(word.began_with), session)
    assert pace.word_for(pace.latest(ana), session) is None
    Decision.objects.update(at=Now() - pace.LATELY)
    assert pace.word_for(pace.latest(ana), SessionStore()) is None


# --- Reading ------------------------------------------------------------------------------------------------


def test_reading_is_at_least_a_second_and_at_most_an_hour() -> None:
    nothing = Proposal(title="", summary="", subject_id="", context={})
    assert seconds_for(nothing, [], chosen=None) == 1
    much = Proposal(title="", summary="", subject_id="", context={"all": ["word " * 40_000] * 10})
    assert seconds_for(much, [], chosen=None) == MOST_SECONDS


def test_of_several_the_chosen_is_read_whole_and_of_the_others_the_sentence() -> None:
    proposal = Proposal(title="", summary="", subject_id="", context={})
    few, many = (
        Suggestion(
            rank=rank, sentence="A sentence.", arguments={"x": value}, explanation="", risk_indicators=[]
        )
        for rank, value in ((1, "one"), (2, "word " * 238))
    )
    both = [many, few]
    assert seconds_for(proposal, both, chosen=None) == seconds_for(proposal, both, chosen=few) < 5
    assert 60 <= seconds_for(proposal, both, chosen=many) <= 65


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("—", 0),
        ("a", 1),
        ("don’t stop", 2),
        ("54.04 EUR", 3),
        ("a@b.example", 1),
        ("日本", 1),
        ("日本 go", 2),
    ],
)
def test_words_are_counted_as_eyes_take_them(text: str, count: float) -> None:
    assert words(text) == count
