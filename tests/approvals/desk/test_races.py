"""What somebody is told whose form comes too late, and that nothing comes of it."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from approvals.deciding import decide
from approvals.deciding import reopen as reopening
from approvals.deciding import undo as undoing
from approvals.deciding.expire import expire_overdue
from approvals.models import Claim, Comment, Decision
from audit.models import Event
from execution.models import Execution
from governance.models import Team
from suggestions.answering.withdraw import withdraw
from suggestions.models import Proposal, RejectedAction, Resolution
from tests.approvals.deciding.test_decide import approve, reject
from tests.approvals.desk.test_views import browser, decision_of, form_of, part
from tests.conftest import actor_of
from tests.settled import *  # noqa: F403 - everybody, once for all tests here


def by_ben(verb: Callable[..., Any]) -> Callable[..., None]:
    return lambda proposal, ana, ben, agent: verb(proposal, ben)


def expired(proposal: Any, *_: Any) -> None:
    Proposal.objects.filter(pk=proposal.pk).update(deadline=Now() - timedelta(seconds=1))
    expire_overdue()


def overdue(proposal: Any, *_: Any) -> None:
    Proposal.objects.filter(pk=proposal.pk).update(deadline=Now() - timedelta(seconds=1))


def escalated(proposal: Any, ana: Any, ben: Any, agent: Any) -> None:
    decide.escalate(
        proposal.pk, to=Team.objects.get(pk="finance"), reviewer=ben, actor=actor_of(ben), reason="much"
    )


MEANWHILE: dict[str, Callable[..., Any]] = {
    "approved": by_ben(approve),
    "rejected": by_ben(reject),
    "withdrawn": lambda proposal, ana, ben, agent: withdraw(proposal.pk, agent=agent),
    "expired": expired,
    "overdue": overdue,
    "escalated": escalated,
    "left the team": lambda proposal, ana, ben, agent: ana.teams.clear(),
}
FORMS: dict[str, Callable[[Any, Any], dict[str, str]]] = {
    "approve": lambda proposal, ben: form_of(proposal, reason="a thought of mine"),
    "reject": lambda proposal, ben: {"reason": "a thought of mine"},
    "return": lambda proposal, ben: {"reason": "a thought of mine"},
    "escalate": lambda proposal, ben: {"reason": "a thought of mine", "team": "finance"},
    "claim": lambda proposal, ben: {},
    "assign": lambda proposal, ben: {"to": str(ben.pk)},
    "take-back": lambda proposal, ben: {},
    "release": lambda proposal, ben: {},
}


def state() -> tuple[int, ...]:
    events = Event.objects.exclude(type__in=["decision.refused", "request.refused"])
    kinds = (Decision, Resolution, Claim, Comment)
    return (events.count(), *(kind.objects.count() for kind in kinds))


DECIDES = {"approve", "reject", "return", "escalate"}
ENDED = {"approved": "Ben", "rejected": "Ben", "withdrawn": "support-bot", "expired": "Sweeper"}
OVERDUE = {
    "take-back": "Nothing that you said of this proposal stands.",
    "release": "You have no claim on this proposal.",
}


def told(meanwhile: str, verb: str) -> tuple[int, str]:
    """The status, and what the page says."""
    if meanwhile in ENDED:
        counted = " Your decision was not counted." if verb in DECIDES else ""
        return 409, f"This proposal was already {meanwhile}, by {ENDED[meanwhile]}.{counted}"
    if meanwhile == "overdue":
        return 409, OVERDUE.get(verb, "The time to decide is over: this proposal expires.")
    if meanwhile == "escalated":
        return 409, "This went to another team"
    raise KeyError(meanwhile)


@pytest.mark.parametrize("verb", FORMS)
@pytest.mark.parametrize("meanwhile", ["rejected", "expired", "overdue", "escalated"])
def test_what_comes_too_late_changes_nothing_and_says_why(
    proposal: Any, agent: Any, ana: Any, ben: Any, cyd: Any, meanwhile: str, verb: str
) -> None:
    form = FORMS[verb](proposal, ben)
    client = browser(ana)
    MEANWHILE[meanwhile](proposal, ana, ben, agent)
    before = state()
    status, said = told(meanwhile, verb)

    answer = client.post(f"/queue/{proposal.pk}/{verb}/", form, headers=part("detail"))

    text = html.unescape(answer.content.decode())
    assert (answer.status_code, state()) == (status, before)
    assert said in text
    assert "<html" not in text
    assert ("You had written: “a thought of mine”" in text) == (meanwhile in ENDED and "reason" in form)


PROBLEMS = {
    "rejected": (409, "already-resolved"),
    "expired": (409, "already-resolved"),
    "overdue": (409, "too-late"),
    "escalated": (404, "not-found"),
    "left the team": (404, "not-found"),
}
CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "approve": ("decisions/", lambda p: {"verdict": "approve", **decision_of(p)}),
    "reject": ("decisions/", lambda p: {"verdict": "reject", "reason": "no"}),
    "return": ("decisions/", lambda p: {"verdict": "return", "reason": "no"}),
    "escalate": ("decisions/", lambda p: {"verdict": "escalate", "reason": "no", "team": "finance"}),
    "claim": ("claim/", lambda p: {}),
    "assign": ("assign/", lambda p: {"to": "ben"}),
}


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize("meanwhile", PROBLEMS)
def test_what_comes_too_late_over_the_api(
    proposal: Any, agent: Any, ana: Any, ben: Any, cyd: Any, api_as: Any, meanwhile: str, verb: str
) -> None:
    api = api_as(ana)
    path, body = CALLS[verb]
    MEANWHILE[meanwhile](proposal, ana, ben, agent)
    before = state()

    answer = api.post(f"proposals/{proposal.pk}/{path}", body(proposal))

    problem = answer.json()["type"].removeprefix("urn:reviewapp:problem:")
    assert ((answer.status_code, problem), state()) == (PROBLEMS[meanwhile], before)
    if meanwhile in ENDED:
        assert answer.json()["winner"]["by"] == ENDED[meanwhile]


# --- What is left to do once it is decided -----------------------------------------------------------------


@pytest.mark.parametrize("meanwhile", ["approved", "expired"])
def test_a_note_comes_never_too_late(
    proposal: Any, agent: Any, ana: Any, ben: Any, cyd: Any, meanwhile: str
) -> None:
    MEANWHILE[meanwhile](proposal, ana, ben, agent)

    answer = browser(ana).post(f"/queue/{proposal.pk}/comment/", {"reason": "<b>odd</b>"}, follow=True)

    assert answer.redirect_chain == [(f"/queue/{proposal.pk}/", 303)]
    assert "&lt;b&gt;odd&lt;/b&gt;" in answer.content.decode()
    assert Comment.objects.get().author == ana


def reopened(proposal: Any, ana: Any, ben: Any, agent: Any) -> None:
    reject(proposal, ben)
    reopening.reopen(proposal.pk, reviewer=ben, actor=actor_of(ben))


def over(proposal: Any, ana: Any, ben: Any, agent: Any) -> None:
    reject(proposal, ben)
    RejectedAction.objects.update(until=Now() - timedelta(seconds=1))


def owned(proposal: Any, ana: Any, ben: Any, agent: Any) -> None:
    reject(proposal, ben)
    type(agent).objects.filter(pk=agent.pk).update(owner=ana)


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (lambda *_: None, "Nothing keeps the agent from asking for this again."),
        (MEANWHILE["approved"], "Nothing keeps the agent from asking for this again."),
        (MEANWHILE["withdrawn"], "Nothing keeps the agent from asking for this again."),
        (reopened, "Nothing keeps the agent from asking for this again."),
        (over, "Nothing keeps the agent from asking for this again."),
        (owned, "You own this agent, so somebody else has to approve what it proposes."),
    ],
    ids=["waits", "approved", "withdrawn", "reopened", "over", "owned"],
)
def test_what_nothing_stands_against_can_t_be_let_in_again(
    proposal: Any, agent: Any, ana: Any, ben: Any, meanwhile: Any, said: str
) -> None:
    meanwhile(proposal, ana, ben, agent)
    before = state()

    answer = browser(ana).post(f"/queue/{proposal.pk}/reopen/")

    assert (answer.status_code, state()) == (409, before)
    assert said in html.unescape(answer.content.decode())


GRACE = "version: 1\ndefaults: {verdict: review, team: operations, grace: 5m}\n"
NOTHING = "Nothing was approved here that could be undone."


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (lambda p, ana: None, NOTHING),
        (lambda p, ana: reject(p, ana), NOTHING),
        (lambda p, ana: (approve(p, ana), undoing.undo(p.pk, reviewer=ana, actor=actor_of(ana))), NOTHING),
        (lambda p, ana: (approve(p, ana), Execution.objects.update(due_at=Now())), "too late"),
        (lambda p, ana: (approve(p, ana), Execution.objects.update(fence=1)), "too late"),
        (lambda p, ana: (approve(p, ana), Execution.objects.update(status="cancelled")), "too late"),
    ],
    ids=["waits", "rejected", "undone", "due", "taken", "cancelled"],
)
def test_what_can_be_undone_no_more_says_so(
    propose: Any, policy: Any, ana: Any, meanwhile: Any, said: str
) -> None:
    policy(GRACE)
    proposal = propose()
    meanwhile(proposal, ana)
    before = state()

    answer = browser(ana).post(f"/queue/{proposal.pk}/undo/")

    assert (answer.status_code, state()) == (409, before)
    assert said in html.unescape(answer.content.decode()).lower() or said in answer.content.decode()


def test_nobody_undoes_what_somebody_else_approved(
    propose: Any, policy: Any, ana: Any, ben: Any, api_as: Any
) -> None:
    policy(GRACE)
    proposal = propose()
    approve(proposal, ben)
    api, before = api_as(ana), state()

    answer = browser(ana).post(f"/queue/{proposal.pk}/undo/")

    assert (answer.status_code, api.post(f"proposals/{proposal.pk}/undo/").status_code) == (409, 403)
    assert "Only somebody who approved it can undo that" in answer.content.decode()
    assert (Proposal.objects.get().status, state()) == ("approved", before)


# --- An edit ---------------------------------------------------------------------------------------------

TYPED = {"mode": "json", "json": '{"order_id": "#W1", "amount": 41.5}', "reason": "a thought of mine"}


def edited(proposal: Any, ana: Any, ben: Any, agent: Any) -> None:
    Proposal.objects.update(approvals_needed=2)
    approve(proposal, ana)  # she has said something already


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (MEANWHILE["rejected"], "This proposal was already rejected, by Ben."),
        (MEANWHILE["withdrawn"], "This proposal was already withdrawn, by support-bot."),
        (MEANWHILE["overdue"], "The time to decide is over: this proposal expires."),
        (MEANWHILE["escalated"], "This went to another team"),
        (edited, "You have decided on this proposal already; it waits for somebody else."),
        (owned, "You own this agent, so somebody else has to approve what it proposes."),
    ],
    ids=["rejected", "withdrawn", "overdue", "escalated", "decided", "owned"],
)
def test_an_edit_that_comes_too_late_is_given_back(
    proposal: Any, agent: Any, ana: Any, ben: Any, cyd: Any, meanwhile: Any, said: str
) -> None:
    client = browser(ana)
    if meanwhile is owned:
        type(agent).objects.filter(pk=agent.pk).update(owner=ana)
    else:
        meanwhile(proposal, ana, ben, agent)
    before = state()

    answer = client.post(f"/queue/{proposal.pk}/edit/", {**TYPED, "do": "approve"}, headers=part("detail"))

    text = html.unescape(answer.content.decode())
    assert (answer.status_code, state()) == (409, before)
    assert said in text
    assert ("41.5" in text) is (meanwhile is not MEANWHILE["escalated"])


@pytest.mark.parametrize(
    "query", ["?suggestion=nonsense", "?suggestion=00000000-0000-0000-0000-000000000007"]
)
def test_what_is_no_suggestion_of_it_can_t_be_edited(proposal: Any, ana: Any, query: str) -> None:
    client, before = browser(ana), state()
    for answer in (
        client.get(f"/queue/{proposal.pk}/edit/{query}"),
        client.post(f"/queue/{proposal.pk}/edit/{query}", {**TYPED, "do": "approve"}),
    ):
        assert (answer.status_code, answer["Location"]) == (302, f"/queue/{proposal.pk}/")
    assert state() == before


@pytest.mark.parametrize("meanwhile", ["rejected", "escalated"])
def test_no_form_is_opened_for_what_can_t_be_decided(
    proposal: Any, agent: Any, ana: Any, ben: Any, cyd: Any, meanwhile: str
) -> None:
    MEANWHILE[meanwhile](proposal, ana, ben, agent)
    answer = browser(ana).get(f"/queue/{proposal.pk}/edit/")
    if meanwhile == "escalated":
        assert "This went to another team" in answer.content.decode()
    else:
        assert (answer.status_code, answer["Location"]) == (302, f"/queue/{proposal.pk}/")
