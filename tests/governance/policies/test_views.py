"""The pages on which people write policies and move them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.ground.actors import SYSTEM
from governance.models import PolicyVersion
from governance.policies import lifecycle
from governance.policies.views import BEGINNING
from tests.conftest import in_force, make_person
from tests.pages import in_one_line

TEXT = "version: 1\ndefaults: {priority: 61}\nrules:\n  - {name: a, when: 'true', then: {approvals: 1}}\n"
WRONG = "version: 1\nrules:\n  - {name: a, when: 'agent.nmae == 1', then: {tem: <b>x}}\n"
NEW = "/governance/policies/new/"


@pytest.fixture
def otto(db: None) -> Any:
    return make_person("otto", "operator")


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page_of(version: PolicyVersion) -> str:
    return reverse("governance:policy", args=[version.pk])


def said(answer: Any) -> list[str]:
    return re.findall(r'<p class="toast[^>]*> ?(.*?) ?</p>', in_one_line(answer.content.decode()))


def test_before_any_policy_the_list_says_what_holds(ana: Any, olga: Any) -> None:
    page = browser(olga).get("/governance/policies/").content.decode()
    assert "None is in force" in page
    assert "Write the first one" in page
    assert "Write the first one" not in browser(ana).get("/governance/policies/").content.decode()


def test_the_first_policy_begins_with_something_that_works(ana: Any, olga: Any) -> None:
    client = browser(olga)
    assert client.get(NEW).context["text"] == BEGINNING
    assert client.get(NEW).context["errors"] == []
    kept = client.post(NEW, {"text": BEGINNING.replace("\n", "\r\n"), "note": "The first."}, follow=True)
    version = PolicyVersion.objects.get()
    assert kept.redirect_chain == [(page_of(version), 302)]
    assert (version.text, version.note, version.status) == (BEGINNING, "The first.", "draft")


def test_a_new_version_begins_with_the_one_in_force_or_any_other(ana: Any, olga: Any) -> None:
    first, second = in_force(TEXT), in_force("version: 1\n")
    client = browser(olga)
    assert client.get(NEW).context["text"] == second.text
    assert client.get(f"{NEW}?from={first.pk}").context["text"] == TEXT
    assert client.get(f"{NEW}?from=nothing").status_code == 404


def test_what_is_faulty_is_not_kept_and_not_lost(ana: Any, olga: Any) -> None:
    answer = browser(olga).post(NEW, {"text": WRONG, "note": "A <i>try</i>"})
    assert answer.status_code == 422
    page = in_one_line(answer.content.decode())
    assert (answer.context["text"], answer.context["note"]) == (WRONG, "A <i>try</i>")
    assert "&lt;b&gt;x" in page
    assert "<b>x" not in page
    assert 'data-line="3" data-column="22">Line 3, column 22</a>' in page
    assert not PolicyVersion.objects.exists()


def test_the_editor_is_told_what_is_wrong_while_one_writes(ana: Any, olga: Any) -> None:
    client = browser(olga)
    wrong = client.post("/governance/policies/check/", {"text": WRONG}).content.decode()
    assert "2 mistakes" in wrong
    assert "Agent has no nmae; did you mean name?" in wrong
    fine = client.post("/governance/policies/check/", {"text": TEXT}).content.decode()
    assert "No mistake: 1 rule" in in_one_line(fine)
    mild = client.post("/governance/policies/check/", {"text": "version: 1\ndefaults: {approvals: 9}"})
    assert "No mistake: 0 rules, 1 warning" in in_one_line(mild.content.decode())


def test_the_editor_says_when_one_was_signed_out(db: None) -> None:
    answer = Client().post("/governance/policies/check/", {"text": TEXT}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_policy_walks_its_whole_way_on_its_page(ana: Any, olga: Any, otto: Any) -> None:
    before = in_force("version: 1\n")
    author, second = browser(olga), browser(otto)
    author.post(NEW, {"text": TEXT, "note": ""})
    version = PolicyVersion.objects.get(text=TEXT)
    here = page_of(version)

    def do(client: Client, move: str, **form: str) -> list[str]:
        return said(client.post(f"{here}{move}/", form, follow=True))

    assert do(second, "approve") == ["The version is draft; it has to be validated."]
    lifecycle.mark_validated(version, {"proposals": 4}, actor=SYSTEM)
    assert "somebody else has to approve it" in author.get(here).content.decode()
    assert do(author, "approve") == ["Somebody other than its author has to approve a policy."]
    assert "Nothing changes yet." in second.get(here).content.decode()
    assert do(second, "approve") == ["Approved. It can be activated now."]
    assert do(second, "shadow", on="yes") == ["It runs beside the active version now, without effect."]
    assert do(second, "shadow", on="no") == ["It no longer runs in the shadow."]
    assert "From then on 1 rule decides on every new proposal." in author.get(here).content.decode()
    assert do(author, "activate") == ["In force: from now on 1 rule decides on every new proposal."]
    assert f"Go back to {before.pk[7:19]}" in author.get(here).content.decode()

    rollback = reverse("governance:roll-back-policy")
    assert said(author.post(rollback, {"reason": ""}, follow=True)) == ["Say why, in at most 500 characters."]
    back = author.post(rollback, {"reason": "It <b>hurts</b>."}, follow=True)
    assert back.redirect_chain == [(page_of(before), 302)]
    assert "It &lt;b&gt;hurts&lt;/b&gt;." in author.get(here).content.decode()
    moves = [event["move"] for event in author.get(here).context["history"]]
    assert moves == [
        "drafted it",
        "validated it by a backtest",
        "approved it",
        "let it run in the shadow",
        "took it out of the shadow",
        "activated it",
        f"went back to {before.pk[7:19]} in its place",
    ]


def test_who_may_only_read_is_offered_nothing(ana: Any, dora: Any) -> None:
    version = in_force(TEXT)
    in_force("version: 1\n")
    for person in (ana, dora):
        page = browser(person).get(page_of(version))
        assert page.context["moves"] == []
        assert (
            b'name="csrfmiddlewaretoken"' not in page.content.partition(b"<main")[2].partition(b"</main>")[0]
        )


def test_a_refused_activation_says_which_team_is_missing(ana: Any, olga: Any) -> None:
    version = in_force(TEXT)
    in_force("version: 1\n")
    ana.teams.clear()
    assert (
        "where nobody may decide" in said(browser(olga).post(f"{page_of(version)}activate/", follow=True))[0]
    )
    assert PolicyVersion.objects.get(pk=version.pk).status == "retired"


def test_two_versions_are_compared_in_words_and_line_by_line(ana: Any) -> None:
    a, b = in_force("version: 1\n"), in_force(TEXT)
    client = browser(ana)
    page = client.get("/governance/policies/diff/", {"a": a.pk, "b": b.pk}).content.decode()
    assert "New rule a: takes, whatever else is said, 1 approval." in page
    assert "<ins>+</ins>" in page
    same = client.get("/governance/policies/diff/", {"a": a.pk, "b": a.pk}).content.decode()
    assert "They ask for the same." in same
    assert client.get("/governance/policies/diff/").status_code == 200


def test_hostile_notes_and_rules_are_shown_as_text(ana: Any, olga: Any) -> None:
    text = (
        "version: 1\nrules:\n  - {name: a, when: 'args.x == \"<script>\"', then: {reason: '<img src=x>'}}\n"
    )
    version, _ = lifecycle.draft(text, author=olga, note="<script>alert(1)</script>")
    for url in (page_of(version), "/governance/policies/", f"{NEW}?from={version.pk}"):
        page = browser(olga).get(url).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x>" not in page


def test_pages_cost_the_same_however_many_versions_there_are(
    ana: Any, olga: Any, django_assert_max_num_queries: Any
) -> None:
    for n in range(60):
        lifecycle.draft(f"version: 1\ndefaults: {{priority: {n}}}", author=olga)
    client = browser(olga)
    with django_assert_max_num_queries(12):
        first = client.get("/governance/policies/")
    assert len(first.context["policies"]) == 50
    rest = client.get("/governance/policies/" + first.context["next_url"])
    assert len(rest.context["policies"]) == 10
