from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client

from approvals.deciding import decide
from approvals.models import Decision, Look
from audit.models import Event
from suggestions.models import Proposal, Resolution
from tests.approvals.conftest import TWO_PEOPLE
from tests.conftest import actor_of, suggestion_body
from tests.queries import statements


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def part(target: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": target}


def form_of(proposal: Any, **changes: str) -> dict[str, str]:
    decision = decision_of(proposal)
    return {**decision, "shown": changes.get("action_digest", decision["action_digest"]), **changes}


def decision_of(proposal: Any) -> dict[str, str]:
    suggestion = proposal.suggestions.order_by("rank").first()
    return {"suggestion": str(suggestion.pk), "action_digest": suggestion.action_digest, "reason": ""}


def rows_in(html: str) -> list[str]:
    return re.findall(r'id="proposal-([0-9a-f-]{36})"', html)


def page(client: Client, address: str, **headers: Any) -> str:
    answer = client.get(address, **headers)
    assert answer.status_code == 200, answer
    return answer.content.decode()


# --- The queue ------------------------------------------------------------------------------------


def test_the_queue_lists_what_waits_for_my_teams(propose: Any, ana: Any, cyd: Any) -> None:
    proposal = propose()

    assert rows_in(page(browser(ana), "/queue/")) == [str(proposal.pk)]
    assert rows_in(page(browser(cyd), "/queue/")) == []


def test_auditors_and_operators_read_every_team(propose: Any, dora: Any, olga: Any) -> None:
    proposal = propose()

    for person in (dora, olga):
        assert rows_in(page(browser(person), "/queue/")) == [str(proposal.pk)]
        html = page(browser(person), f"/queue/{proposal.pk}/")
        assert "deciding on it is for reviewers" in html
        assert "button-approve" not in html


def test_who_is_nobody_is_sent_to_sign_in(proposal: Any) -> None:
    for address in ("/queue/", f"/queue/{proposal.pk}/", "/queue/version/"):
        answer = Client().get(address)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/")
        assert Client().get(address, headers=part("detail")).status_code == 401
    for verb in ("approve", "reject", "return"):
        answer = Client().post(f"/queue/{proposal.pk}/{verb}/")
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/")


def test_who_has_no_role_sees_nothing(proposal: Any, ana: Any) -> None:
    ana.groups.clear()

    for address in ("/queue/", f"/queue/{proposal.pk}/", "/queue/version/"):
        assert browser(ana).get(address).status_code == 403


def test_filters_stand_in_the_address(propose: Any, ana: Any) -> None:
    critical = propose(suggestions=[suggestion_body(risk={"level": "critical"})])
    propose()

    html = page(browser(ana), "/queue/?risk=critical")

    assert rows_in(html) == [str(critical.pk)]
    assert re.search(r'<div\s+id="queue"[^>]*\sdata-filtered', html)
    assert "data-filtered" not in page(browser(ana), "/queue/")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("team=nobody", "There is no team"),
        ("risk=purple", "is no risk"),
        ("agent=nobody", "No waiting proposal fits"),
        ("q=" + "x" * 5000, "No waiting proposal fits"),
        ("cursor=nonsense", "does not exist"),
        ("cursor=%E2%98%83", "does not exist"),
    ],
)
def test_a_filter_of_nonsense_is_answered_in_words(proposal: Any, ana: Any, query: str, said: str) -> None:
    html = page(browser(ana), f"/queue/?{query}")

    assert rows_in(html) == []
    assert said in html


def test_pages_lead_to_the_next(propose: Any, ana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from approvals.queue import read

    monkeypatch.setitem(read.page.__kwdefaults__, "size", 2)
    made = [str(propose().pk) for _ in range(5)]
    found: list[str] = []
    address = "/queue/?risk=medium"
    while address:
        html = page(browser(ana), address)
        found += rows_in(html)
        more = re.search(r'class="list-more">\s*<a class="button" href="([^"]+)"', html)
        address = more[1].replace("&amp;", "&") if more else ""
        assert not more or "risk=medium" in address

    assert found == made


def test_the_list_costs_the_same_queries_for_two_and_twelve(propose: Any, ana: Any) -> None:
    client = browser(ana)

    def asked() -> int:
        return statements(lambda: page(client, "/queue/"))

    propose()
    propose()
    asked()
    two = asked()
    for _ in range(10):
        propose()
    assert asked() == two


def test_the_list_can_be_had_alone(proposal: Any, ana: Any) -> None:
    html = page(browser(ana), "/queue/", headers=part("queue"))

    assert rows_in(html) == [str(proposal.pk)]
    assert "<html" not in html


def test_the_version_is_what_the_page_was_drawn_with(proposal: Any, ana: Any) -> None:
    client = browser(ana)
    now = client.get("/queue/version/").json()["version"]

    assert f'data-version="{now}"' in page(client, "/queue/")


# --- One proposal -----------------------------------------------------------------------------------


def test_a_proposal_is_shown_with_all_that_the_agent_sent(propose: Any, ana: Any) -> None:
    proposal = propose(
        provenance={"model": "model-of-theirs"},
        suggestions=[
            suggestion_body(
                before={"amount": 0},
                risk={"level": "high", "indicators": [{"code": "new_account", "detail": "3 days old"}]},
            ),
            suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 5, "note": "sorry"}),
        ],
    )

    html = page(browser(ana), f"/queue/{proposal.pk}/")

    for said in (
        "Refund for a broken kettle",
        "The kettle arrived broken.",
        "for <bdi>customer-19122</bdi>",
        "My kettle from order #W1 arrived broken.",
        "54.04",
        "It arrived broken.",
        "0.86",
        "0.93",
        "new_account",
        "3 days old",
        "Order",
        "Amount",
        "Note to customer",
        "sorry",
        "reversible by others",
        "model-of-theirs",
        "No rule matched",
        "Proposed by support-bot",
        *proposal.suggestions.values_list("action_digest", flat=True),
    ):
        assert said in html, said


def test_the_rules_that_matched_say_why(propose: Any, policy: Any, ana: Any) -> None:
    policy(
        "version: 1\nrules:\n"
        "  - {name: any-refund, when: 'args.amount > 1.0', then: {verdict: review, reason: Money leaves}}\n"
    )
    html = page(browser(ana), f"/queue/{propose().pk}/")

    assert "any-refund" in html
    assert "Money leaves" in html


def test_what_another_team_reviews_is_not_there(proposal: Any, cyd: Any) -> None:
    for address in (f"/queue/{proposal.pk}/", f"/queue/{uuid4()}/"):
        assert browser(cyd).get(address).status_code == 404
    for verb in ("approve", "reject", "return"):
        form = form_of(proposal, reason="no")
        assert browser(cyd).post(f"/queue/{proposal.pk}/{verb}/", form).status_code == 404
    assert not Decision.objects.exists()


def test_the_detail_can_be_had_alone(proposal: Any, ana: Any) -> None:
    html = page(browser(ana), f"/queue/{proposal.pk}/?risk=medium", headers=part("detail"))

    assert "<html" not in html
    assert 'id="proposal"' in html
    assert f"/queue/{proposal.pk}/approve/?risk=medium" in html
    assert "No proposal is open" in page(browser(ana), "/queue/", headers=part("detail"))


def test_the_detail_costs_the_same_queries_for_one_and_ten_suggestions(propose: Any, ana: Any) -> None:
    client = browser(ana)
    one = propose()
    ten = propose(suggestions=[suggestion_body(rank=rank) for rank in range(1, 11)])

    def asked(proposal: Any) -> int:
        return statements(lambda: page(client, f"/queue/{proposal.pk}/", headers=part("detail")))

    asked(one)
    assert asked(one) == asked(ten)


def test_hidden_characters_are_shown(propose: Any, ana: Any) -> None:
    proposal = propose(
        title="Pay\u202eback",
        suggestions=[
            suggestion_body(arguments={"order_id": "#W\u200b1", "amount": 3, "note": "p\u0430ypal"})
        ],
    )
    html = page(browser(ana), f"/queue/{proposal.pk}/")

    assert "\u202e" not in html
    assert "\u200b" not in html
    for mark in (">U+202E<", ">U+200B<", "mixed letters"):
        assert mark in html, mark
    assert "Refund 3 for order “#W[U+200B]1”, and 1 more: note to customer" in page(browser(ana), "/queue/")


def test_a_conversation_in_another_form_is_shown_as_data(propose: Any, ana: Any) -> None:
    for context in (
        {"messages": "not a list"},
        {"messages": [1, 2]},
        {"messages": [{"role": "</b><script>", "content": [{"type": "text", "text": "parts"}]}]},
        {"messages": [{"content": None, "tool_calls": [{"name": "look_up"}]}]},
    ):
        html = page(browser(ana), f"/queue/{propose(context=context).pk}/")
        assert "<script>" not in html.split("<body")[1]


# --- Deciding ---------------------------------------------------------------------------------------


def test_approving_goes_on_to_the_next(propose: Any, ana: Any) -> None:
    first, second = propose(), propose()

    answer = browser(ana).post(f"/queue/{first.pk}/approve/?risk=medium", form_of(first))

    assert (answer.status_code, answer["Location"]) == (303, f"/queue/{second.pk}/?risk=medium")
    resolution = Resolution.objects.get()
    assert (resolution.proposal, resolution.status, resolution.user) == (first, "approved", ana)
    decided = Event.objects.get(type="decision.made")
    assert '"authenticated_by":"unknown"' in decided.body


def test_a_page_that_went_on_is_told_nothing_but_what_it_has_to_know(
    propose: Any, ana: Any, settings: Any
) -> None:
    settings.PACE_RUN = 2
    first, second, third = propose(), propose(), propose()
    client = browser(ana)

    def approve(proposal: Any, **changes: str) -> Any:
        form = form_of(proposal, **changes)
        return client.post(f"/queue/{proposal.pk}/approve/", form, headers=part("settled"))

    answer = approve(first)
    assert (answer.status_code, answer.content, answer.headers.get("HX-Location")) == (204, b"", None)
    approve(second)
    Decision.objects.update(looked_seconds=1, reading_seconds=100)
    refused = approve(third, action_digest="sha256:other")
    assert refused.status_code == 409
    assert "decision-refusal" in refused.content.decode()

    word = client.post(f"/queue/{third.pk}/reject/", {"reason": "no"}, headers=part("settled"))
    assert (word.status_code, word.content) == (204, b"")  # a rejection ends the run
    assert Proposal.objects.filter(status="pending").count() == 0


def test_a_page_that_went_on_hears_of_its_pace(propose: Any, ana: Any, settings: Any) -> None:
    settings.PACE_RUN = 1
    Look.objects.create(proposal=(hasty := propose(summary="word " * 200)), user=ana, until=Now(), seconds=1)

    answer = browser(ana).post(f"/queue/{hasty.pk}/approve/", form_of(hasty), headers=part("settled"))

    assert answer.status_code == 200
    assert answer.content.decode().count("The last 1 took 1 s each") == 1
    assert "<article" not in answer.content.decode()


def test_after_the_last_comes_the_empty_queue(proposal: Any, ana: Any) -> None:
    answer = browser(ana).post(f"/queue/{proposal.pk}/reject/", {"reason": "not ours"}, follow=True)

    assert answer.redirect_chain == [("/queue/", 303)]
    assert "Rejected: Refund 54.04 for order #W1." in answer.content.decode()
    assert Resolution.objects.get().status == "rejected"


def test_returning_gives_the_agent_feedback(proposal: Any, ana: Any) -> None:
    browser(ana).post(f"/queue/{proposal.pk}/return/", {"reason": "add a photo"})

    resolution = Resolution.objects.get()
    assert (resolution.status, resolution.reason) == ("returned", "add a photo")


@pytest.mark.parametrize("headers", [{}, part("detail")])
def test_who_lost_the_race_is_told_who_won(proposal: Any, ana: Any, ben: Any, headers: Any) -> None:
    decide.reject(proposal.pk, reviewer=ben, actor=actor_of(ben), reason="too much")

    answer = browser(ana).post(f"/queue/{proposal.pk}/approve/", form_of(proposal), headers=headers)

    html = answer.content.decode()
    assert answer.status_code == 409
    assert "This proposal was already rejected, by Ben. Your decision was not counted." in html
    assert "too much" in html
    assert "button-approve" not in html
    assert Decision.objects.get().reviewer == ben


def test_what_was_refused_stands_in_the_log(proposal: Any, ana: Any) -> None:
    browser(ana).post(f"/queue/{proposal.pk}/approve/", form_of(proposal, action_digest="sha256:" + "0" * 64))
    event = Event.objects.get(type="decision.refused")
    assert (event.actor_name, event.proposal_id) == ("Ana", proposal.pk)
    assert '"refusal":"DigestMismatch","verdict":"approve"' in event.body


@pytest.mark.parametrize("headers", [{}, part("detail")])
@pytest.mark.parametrize(
    ("verb", "change", "status", "said"),
    [
        ("approve", {"action_digest": "sha256:" + "0" * 64}, 409, "is not the one that was shown"),
        ("approve", {"action_digest": ""}, 409, "is not the one that was shown"),
        ("approve", {"suggestion": ""}, 422, "Choose one of the suggestions"),
        ("reject", {"reason": "  "}, 422, "Say why"),
        ("return", {"reason": ""}, 422, "Say why"),
        ("reject", {"reason": "x" * 2001}, 422, "at most 2,000 characters"),
    ],
)
def test_a_refused_form_comes_back_with_what_was_written(
    proposal: Any, ana: Any, verb: str, change: Any, status: int, said: str, headers: Any
) -> None:
    form = form_of(proposal, **change)
    answer = browser(ana).post(f"/queue/{proposal.pk}/{verb}/", form, headers=headers)

    html = answer.content.decode()
    assert answer.status_code == status
    assert said in html
    assert form["reason"].strip() in html
    assert "button-approve" in html
    assert Proposal.objects.get().status == "pending"


def test_the_owner_of_the_agent_is_told_why_not(proposal: Any, agent: Any, ana: Any) -> None:
    agent.owner = ana
    agent.save()

    assert "You own this agent" in page(browser(ana), f"/queue/{proposal.pk}/")
    answer = browser(ana).post(f"/queue/{proposal.pk}/approve/", form_of(proposal))
    assert answer.status_code == 409
    assert "You own this agent" in answer.content.decode()
    assert not Decision.objects.exists()


def test_who_waits_for_a_second_person_is_told_so(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(TWO_PEOPLE)
    proposal, other = propose(), propose()

    answer = browser(ana).post(f"/queue/{proposal.pk}/approve/", form_of(proposal), headers=part("detail"))
    assert answer["Location"] == f"/queue/{other.pk}/"
    html = page(browser(ana), f"/queue/{proposal.pk}/")
    assert "It waits for somebody else to agree" in html
    assert "1 of 2 (Ana)" in html
    assert '1 of 2<span class="visually-hidden"> approvals' in page(browser(ben), "/queue/")

    again = browser(ana).post(f"/queue/{proposal.pk}/approve/", form_of(proposal))
    assert (again.status_code, Decision.objects.count()) == (409, 1)
    browser(ben).post(f"/queue/{proposal.pk}/approve/", form_of(proposal))
    assert Resolution.objects.get().status == "approved"


def test_a_reader_of_every_team_decides_only_for_their_own(proposal: Any, cyd: Any) -> None:
    from django.contrib.auth.models import Group

    cyd.groups.add(Group.objects.get(name="auditor"))

    assert "only its members decide" in page(browser(cyd), f"/queue/{proposal.pk}/")
    answer = browser(cyd).post(f"/queue/{proposal.pk}/reject/", {"reason": "no"})
    assert answer.status_code == 409
    assert not Decision.objects.exists()


@pytest.mark.parametrize("verb", ["approve", "reject", "return"])
def test_only_reviewers_decide(proposal: Any, dora: Any, olga: Any, verb: str) -> None:
    for person in (dora, olga):
        answer = browser(person).post(f"/queue/{proposal.pk}/{verb}/", form_of(proposal, reason="no"))
        assert answer.status_code == 403
    assert not Decision.objects.exists()


@pytest.mark.parametrize("verb", ["approve", "reject", "return"])
def test_a_link_decides_nothing(proposal: Any, ana: Any, verb: str) -> None:
    assert browser(ana).get(f"/queue/{proposal.pk}/{verb}/").status_code == 405
    assert browser(ana).post(f"/queue/{proposal.pk}/").status_code == 405
    assert browser(ana).post("/queue/").status_code == 405


def test_a_form_from_elsewhere_is_refused(proposal: Any, ana: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)

    answer = client.post(f"/queue/{proposal.pk}/approve/", form_of(proposal))

    assert answer.status_code == 403
    assert not Decision.objects.exists()


def test_a_decided_proposal_says_what_came_of_it(propose: Any, ana: Any) -> None:
    proposal = propose()
    suggestion = proposal.suggestions.select_related("action_type").get()
    decide.approve(
        suggestion,
        reviewer=ana,
        actor=actor_of(ana),
        shown_digest=suggestion.action_digest,
        arguments={"order_id": "#W1", "amount": 40},
        reason="half of it",
    )

    html = page(browser(ana), f"/queue/{proposal.pk}/")

    for said in (
        "Approved",
        "by Ana",
        "half of it",
        "with edited arguments",
        "Amount, as approved",
        "Execution",
    ):
        assert said in html, said
    assert "button-approve" not in html
    assert rows_in(page(browser(ana), "/queue/")) == []
