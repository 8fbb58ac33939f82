"""What was demoted never passes again without a signature, whatever happens and however fast."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from approvals.vigilance import samples
from audit.asking.bodies import check
from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.door.authentication import caller_of
from governance.models import Autonomy, Incident
from governance.trust import autonomy, incidents
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.prepare import prepare
from suggestions.intake.submit import submit
from suggestions.models import Proposal, Sample
from tests.conftest import DEPLOYED, actor_of, in_force, proposal_body
from tests.searching import searched

ACTION = "refund_payment"
_keys = itertools.count()


@pytest.fixture
def passes(propose: Any, trusted: Any) -> Any:
    in_force("version: 1\ndefaults: {verdict: auto_approve, sample: 1}")
    return propose


# --- Whatever happens -----------------------------------------------------------------------------

SIGNED = {"grant 3": 3, "grant 4": 4}
EVENTS = st.sampled_from(
    [
        *SIGNED,
        "propose",
        "sample right",
        "sample wrong",
        "failures",
        "boundary",
        "boundary of another",
        "alarm",
        "alarm for all",
        "close incident",
        "lower 1",
        "lower 2",
        "lower 3",
    ]
)


@pytest.mark.django_db
@searched(60)
@given(st.lists(EVENTS, min_size=1, max_size=14))
def test_nothing_passes_that_nobody_signed_for(
    passes: Any, trusted: Any, ana: Any, pia: Any, happening: list[str]
) -> None:
    with transaction.atomic():
        Autonomy.objects.all().delete()
        Autonomy.objects.create(agent=trusted, action=ACTION, stage=4)
        signed = 4  # as far as a person has vouched since the last demotion
        for event in happening:
            signed = happen(event, signed, passes, trusted, ana, pia)
            stage = Autonomy.objects.get(agent=trusted, action=ACTION).stage
            assert stage <= max(signed, 2)
        transaction.set_rollback(True)


def happen(event: str, signed: int, passes: Any, agent: Any, ana: Any, pia: Any) -> int:
    if event in SIGNED:
        autonomy.raise_stage(agent, ACTION, SIGNED[event], by=pia, actor=SYSTEM, reason="I vouch")
        return max(signed, SIGNED[event])
    if event == "propose":
        # Its risk is medium: stage 3 is not enough.
        assert (passes(provenance=DEPLOYED).status == "approved") == (signed == 4)
        return signed
    if event.startswith("sample"):
        return answer_one(event == "sample right", signed, ana)
    if event.startswith("lower"):
        autonomy.lower_stage(agent, ACTION, int(event[-1]), actor=SYSTEM, reason="x")
        return min(signed, int(event[-1]))
    if event == "close incident":
        for incident in Incident.objects.filter(closed_at=None):
            incidents.close_incident(incident, by=pia, actor=SYSTEM, reason="seen")
        return signed
    if event == "boundary of another":
        autonomy.boundary_hit(agent, ["something_else"], "budget")
        return signed
    {
        "failures": lambda: autonomy.demote(agent, ACTION, Incident.Kind.FAILURES, "x", SYSTEM),
        "boundary": lambda: autonomy.boundary_hit(agent, [ACTION], "budget"),
        "alarm": lambda: autonomy.raise_alarm(agent, ACTION, "x", actor=SYSTEM),
        "alarm for all": lambda: autonomy.raise_alarm(agent, "", "x", actor=SYSTEM),
    }[event]()
    return min(signed, 2)


def answer_one(right: bool, signed: int, ana: Any) -> int:
    from django.db.models.functions import Now

    chosen = Sample.objects.filter(status="chosen").first()
    if chosen is None:
        return signed
    Sample.objects.filter(pk=chosen.pk).update(
        status="open", opened_at=Now(), deadline=Now() + samples.ANSWER_WITHIN
    )
    samples.answer(chosen, right=right, reviewer=ana, actor=actor_of(ana), reason="no")
    return signed if right else min(signed, 2)


# --- However fast ---------------------------------------------------------------------------------


def ready(agent: Any) -> Any:
    """A proposal that was judged to pass and is about to be stored."""
    body = check(ProposalBody, proposal_body(provenance=DEPLOYED))
    prepared = prepare(caller_of(agent), body, key=f"k{next(_keys)}", body_digest="sha256:" + "0" * 64)
    assert prepared.proposal.verdict["verdict"] == "auto_approve"
    return prepared


@pytest.mark.django_db
def test_a_demotion_between_the_judgement_and_the_commit_is_seen(passes: Any, trusted: Any) -> None:
    first, second = ready(trusted), ready(trusted)
    submit(trusted, [first])
    autonomy.demote(trusted, ACTION, Incident.Kind.DRIFT, "x", SYSTEM)
    submit(trusted, [second])

    assert [p.status for p in Proposal.objects.order_by("created_at")] == ["approved", "pending"]
    verdict = Proposal.objects.get(status="pending").verdict
    assert verdict["verdict"] == "review"
    assert verdict["notes"][-1].endswith("The agent is at stage 2 for refund_payment by now.")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_approved_after_a_demotion_was_committed(passes: Any, trusted: Any) -> None:
    threads, each = 6, 25
    waiting = [ready(trusted) for _ in range(threads * each)]
    begin = threading.Barrier(threads + 1)
    demoted = threading.Event()
    late: list[Any] = []

    def store(mine: list[Any]) -> None:
        begin.wait()
        for prepared in mine:
            after = demoted.is_set()
            submit(trusted, [prepared])
            if after:
                late.append(prepared.proposal.pk)
        connections.close_all()

    def demote() -> None:
        begin.wait()
        autonomy.demote(trusted, ACTION, Incident.Kind.DRIFT, "x", SYSTEM)
        demoted.set()
        connections.close_all()

    with ThreadPoolExecutor(threads + 1) as pool:
        running = [pool.submit(store, waiting[n::threads]) for n in range(threads)]
        for done in [*running, pool.submit(demote)]:
            done.result()

    # The demotion is served although somebody passes at every moment, and nobody passes after it.
    assert len(late) > threads
    assert set(Proposal.objects.filter(pk__in=late).values_list("status", flat=True)) == {"pending"}
    # Nor is anything approved that was stored after the demotion, by the log's own order.
    order = list(Event.objects.filter(type__in=["autonomy.demoted", "proposal.approved"]).order_by("id"))
    assert [e.type for e in order].index("autonomy.demoted") == len(order) - 1


@pytest.mark.django_db(transaction=True)
def test_a_demotion_waits_for_what_is_passing_and_what_comes_later_waits_for_it(
    passes: Any, trusted: Any
) -> None:
    order: list[str] = []
    held, may_commit = threading.Event(), threading.Event()

    def pass_slowly() -> None:
        with transaction.atomic():
            submit(trusted, [ready(trusted)])
            held.set()
            may_commit.wait(10)
            order.append("passed")
        connections.close_all()

    def demote() -> None:
        held.wait(10)
        autonomy.demote(trusted, ACTION, Incident.Kind.DRIFT, "x", SYSTEM)
        order.append("demoted")
        connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(pass_slowly), threads.submit(demote)]
        held.wait(10)
        threading.Timer(0.3, may_commit.set).start()
        for done in both:
            done.result()
    assert order == ["passed", "demoted"]
    assert Autonomy.objects.get().stage == 2
