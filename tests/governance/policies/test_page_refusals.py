"""What the pages of policies say to who came too late, may not, or typed what is none."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import Event
from governance.models import PolicyVersion
from governance.policies import lifecycle
from tests.conftest import in_force
from tests.governance.agents.test_views import browser
from tests.governance.policies.test_api_refusals import kept, moves

OTHER = "version: 1\ndefaults: {priority: 1}"


def validated(author: Any) -> PolicyVersion:
    version, _ = lifecycle.draft(OTHER, author=author)
    return lifecycle.mark_validated(version, {"proposals": 0}, actor=author.as_actor())


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ("approve", "approve", "The version is approved; it has to be validated."),
        ("activate", "activate", "The version is active; it has to be approved or retired."),
        ("activate", "approve", "The version is active; it has to be validated."),
        ("activate", "shadow", "The version is active; it has to be approved or retired."),
    ],
)
def test_who_comes_second_is_told_where_the_version_is(
    ana: Any, olga: Any, pia: Any, first: str, then: str, said: str
) -> None:
    version = validated(olga)
    if first != "approve":
        lifecycle.approve(version, by=pia)
    moves(pia)[first](version)  # while the page with the button is open
    before = kept()

    page = browser(pia).post(f"/governance/policies/{version.pk}/{then}/", {"on": "yes"}, follow=True)

    assert page.redirect_chain == [(f"/governance/policies/{version.pk}/", 302)]
    assert said in page.content.decode()
    assert kept() == before


def test_its_author_is_told_that_somebody_else_approves_it(ana: Any, olga: Any) -> None:
    version = validated(olga)
    page = browser(olga).post(f"/governance/policies/{version.pk}/approve/", follow=True)
    assert "Somebody other than its author has to approve a policy." in page.content.decode()
    assert PolicyVersion.objects.get().status == "validated"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", "Say why, in at most 500 characters."),
        (" \n ", "Say why, in at most 500 characters."),
        ("x" * 501, "Say why, in at most 500 characters."),
    ],
)
def test_without_a_reason_the_version_in_force_stays(ana: Any, olga: Any, reason: str, said: str) -> None:
    in_force("version: 1")
    active = in_force(OTHER)
    page = browser(olga).post("/governance/policies/rollback/", {"reason": reason}, follow=True)
    assert said in page.content.decode()
    assert PolicyVersion.objects.active().get() == active
    assert not Event.objects.filter(type="policy.rolled_back").exists()


def test_of_two_who_go_back_the_second_is_told_that_there_is_nothing_before(
    ana: Any, olga: Any, pia: Any
) -> None:
    first = in_force("version: 1")
    in_force(OTHER)
    lifecycle.rollback(by=pia, reason="Too strict.")  # while the other one's page is open

    page = browser(olga).post("/governance/policies/rollback/", {"reason": "Too strict."}, follow=True)

    assert "No version was active before this one." in page.content.decode()
    assert PolicyVersion.objects.active().get() == first
    assert Event.objects.filter(type="policy.rolled_back").count() == 1


def test_before_any_policy_there_is_no_page_to_go_back_to(ana: Any, olga: Any) -> None:
    page = browser(olga).post("/governance/policies/rollback/", {"reason": "Too strict."}, follow=True)
    assert page.redirect_chain == [("/governance/policies/", 302)]
    assert "No version was active before this one." in page.content.decode()


@pytest.mark.parametrize(
    ("note", "text", "said"),
    [
        ("x" * 301, "version: 1", "At most 300 characters."),
        ("", "", "A policy begins with version: 1, then come defaults and rules."),
        ("", "version: 1\n\tdefaults: {}", "This is not YAML"),
    ],
)
def test_what_is_no_draft_stays_in_the_editor(ana: Any, olga: Any, note: str, text: str, said: str) -> None:
    page = browser(olga).post("/governance/policies/new/", {"text": text, "note": note})
    assert (page.status_code, page.context["text"], page.context["note"]) == (422, text, note)
    assert any(said in error["detail"] for error in page.context["errors"])
    assert kept() == (0, 0)


def test_lines_of_another_system_make_no_other_policy(ana: Any, olga: Any) -> None:
    version, _ = lifecycle.draft(OTHER, author=olga)
    page = browser(olga).post("/governance/policies/new/", {"text": OTHER.replace("\n", "\r\n")}, follow=True)
    assert "This version was there already; it says the same." in page.content.decode()
    assert PolicyVersion.objects.get() == version


@pytest.mark.parametrize("query", ["", "?a=active", "?a=x&b=y", "?a=000000&b=active", "?a=%00"])
def test_a_difference_of_nothing_asks_which_two(ana: Any, olga: Any, query: str) -> None:
    in_force("version: 1")
    page = browser(olga).get(f"/governance/policies/diff/{query}")
    if query == "?a=%00":
        assert page.status_code == 400
    else:
        assert (page.status_code, "found" in page.context) == (200, False)
        assert len(page.context["choices"]) == 1


@pytest.mark.parametrize("asked", ["nonsense", "000000", f"sha256:{'0' * 64}"])
def test_a_version_that_is_not_there_begins_no_other(olga: Any, asked: str) -> None:
    assert browser(olga).get(f"/governance/policies/new/?from={asked}").status_code == 404


def test_a_digest_that_begins_two_versions_names_none(olga: Any) -> None:
    for end in "01":
        PolicyVersion.objects.create(digest=f"sha256:{'ab' * 31}{end}0", text="version: 1")
    client = browser(olga)
    assert client.get(f"/governance/policies/{'ab' * 31}/").status_code == 404
    assert client.get(f"/governance/policies/{'ab' * 31}0/").status_code == 200
    assert client.get("/governance/policies/ababa/").status_code == 404  # too few to name one
