"""Edit and retry on pages: the form, what reviewers are shown of it, and what had been tried."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.deciding.together import candidates
from approvals.detail.gather import detail_of
from approvals.queue.rows import rows_of
from execution.board.edit import edit_and_retry
from execution.desk import attend
from execution.incidents.incidents import past_deadline
from execution.models import Execution, FormerExecution
from suggestions.models import Proposal
from tests.approvals.forms import sent_back
from tests.conftest import in_force, make_person
from tests.execution.board.test_edit import FOUR_EYES, LESS, WHY, approve, refused
from tests.execution.conftest import approved, shop, step, workflow
from tests.pages import in_one_line

__all__ = ["approved", "refused", "shop"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Any, olga: Any) -> Any:
    client.force_login(olga)
    return client


def address(execution: Any) -> str:
    return f"/queue/{execution.proposal_id}/edit-execution/"


def text(response: Any) -> str:
    return in_one_line(response.content.decode())


def form_of(desk: Any, execution: Any, **changes: str) -> dict[str, str]:
    return {**sent_back(desk.get(address(execution)).content.decode()), **changes}


def amount(form: dict[str, str]) -> str:
    """The name of the field that holds the amount."""
    return next(name for name, value in form.items() if name.startswith("v.") and value == "54.04")


def test_it_is_edited_checked_and_sent_to_its_reviewers(
    desk: Any, refused: Any, shop: Any, client: Any, ana: Any
) -> None:
    case = f"/queue/{refused.proposal_id}/"
    for page in (f"/executions/{refused.pk}/", case):
        assert f'href="{address(refused)}"' in desk.get(page).content.decode()
    form = form_of(desk, refused)
    form[amount(form)] = "40"

    checked = desk.post(address(refused), {**form, "do": "check"})

    assert checked.status_code == 200
    assert "What its reviewers are asked" in text(checked)
    assert "approved: <span" in text(checked)
    unexplained = desk.post(address(refused), {**form, "do": "send"})
    assert unexplained.status_code == 422
    assert "Say why" in text(unexplained)
    assert Execution.objects.exists()
    done = desk.post(address(refused), {**form, "do": "send", "reason": WHY})
    assert (done.status_code, done["Location"]) == (302, case)
    assert FormerExecution.objects.get().arguments == LESS

    client.force_login(ana)
    page = text(client.get(case))
    assert "It waits again: <bdi>Olga</bdi> suggests other arguments" in page
    assert WHY in page
    assert "too much" in page  # what came back
    assert "<bdi>Olga</bdi> suggests it in the place of what was approved" in page
    digest = FormerExecution.objects.get().edited_digest
    suggestion = Proposal.objects.get().suggestions.get().pk
    answer = client.post(
        f"{case}approve/", {"suggestion": suggestion, "action_digest": digest, "shown": digest}
    )
    assert answer.status_code == 303
    page = text(client.get(case))
    assert "<bdi>Olga</bdi> suggested other arguments" in page
    execution = Execution.objects.get()
    assert "Before other arguments were suggested" in text(client.get(f"/executions/{execution.pk}/"))
    # Who comes by an old link finds the case.
    assert client.get(f"/executions/{refused.pk}/")["Location"] == case


def test_nothing_is_said_to_be_sent_where_it_was_not(desk: Any, refused: Any, olga: Any) -> None:
    form = form_of(desk, refused)
    unchanged = desk.post(address(refused), {**form, "do": "check"})
    assert "Nothing is changed yet" in text(unchanged)
    wrong = desk.post(address(refused), {**form, amount(form): "much", "do": "check"})
    assert wrong.status_code == 422
    as_json = desk.post(address(refused), {**form, "do": "json"})
    assert "The arguments as JSON" in text(as_json)

    form[amount(form)] = "40"
    late = {**form, "do": "send", "reason": WHY, "round": "7"}
    refusal = desk.post(address(refused), late)
    assert (refusal.status_code, Execution.objects.count()) == (409, 1)
    assert "<strong>Not sent</strong>" in text(refusal)
    attend.cancel(refused, by=olga)
    gone = desk.post(address(refused), {**form, "do": "send", "reason": WHY})
    assert gone["Location"] == f"/queue/{refused.proposal_id}/"
    assert desk.get(address(refused)).status_code == 302
    assert "Edit and retry" not in text(desk.get(f"/executions/{refused.pk}/"))


def test_what_the_policy_blocks_is_shown_with_its_rules(desk: Any, refused: Any) -> None:
    in_force(
        "version: 1\ndefaults: {verdict: review, team: operations}\nrules:\n"
        "- {name: tiny, when: args.amount < 50.0, then: {verdict: block}}\n"
    )
    form = form_of(desk, refused)
    for do in ("check", "send"):
        told = desk.post(address(refused), {**form, amount(form): "40", "do": do, "reason": WHY})
        assert told.status_code == 422
        assert "<strong>tiny</strong>" in text(told)
    assert Execution.objects.exists()


def test_a_doubtful_attempt_has_to_be_looked_at_on_the_page(desk: Any, approved: Any, shop: Any) -> None:
    from tests.execution.conftest import run_to_rest

    shop.will("/refunds", "hang up")
    stuck = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))
    form = form_of(desk, stuck)
    form |= {amount(form): "40", "do": "send", "reason": WHY}

    refusal = desk.post(address(stuck), form)

    assert refusal.status_code == 409
    assert "I have looked there" in text(refusal)
    assert desk.post(address(stuck), {**form, "checked": "yes"}).status_code == 302


def test_an_incident_still_tells_of_it(desk: Any, refused: Any, olga: Any) -> None:
    incident = past_deadline(refused, "It took too long.")
    page = f"/incidents/{incident.pk}/"
    assert "needs attention" in text(desk.get(page))
    edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY)
    told = text(desk.get(page))
    assert "back with its reviewers" in told
    assert f'href="/queue/{refused.proposal_id}/"' in told


def test_a_step_up_asks_for_the_figure_of_what_is_suggested(refused: Any, olga: Any, ana: Any) -> None:
    in_force("version: 1\ndefaults: {verdict: review, team: operations, step_up: true}\n")
    former = edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY)
    assert former
    asked = detail_of(refused.proposal_id, reader=ana).step_up
    assert asked
    assert {one.digest: one.value for one in asked.figures}[former.edited_digest] == "40"


def test_lists_know_that_it_came_back_and_who_counts(refused: Any, ana: Any) -> None:
    maker = make_person("both", "reviewer")
    in_force(FOUR_EYES)
    former = edit_and_retry(refused, by=maker, arguments=LESS, reason=WHY)
    assert former
    [candidate] = candidates([refused.proposal_id], ana)
    assert candidate.why_not == "Somebody suggests other arguments for it, to be decided by itself."

    def count() -> int:
        [row] = rows_of([refused.proposal_id])
        assert row.agreement
        return row.agreement.count

    approve(refused.proposal_id, ana, former.edited_digest)
    assert count() == 1  # who agrees first is no editor
    approve(refused.proposal_id, maker, former.edited_digest)
    assert count() == 1
