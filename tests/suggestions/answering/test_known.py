"""Who may know of one proposal: the same as those in whose lists it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from audit.ground.ids import uuid7
from governance.models import Team, User
from suggestions.answering.known import known_to
from suggestions.models import Proposal, SecondReview
from tests.queries import sent

CASES = ["own team", "another team", "also asked", "sees every", "sees none", "asks again", "was asked again"]


@pytest.mark.parametrize("case", CASES)
def test_it_is_known_to_those_in_whose_lists_it_is(
    proposal: Any, ana: Any, ben: Any, cyd: Any, case: str
) -> None:
    reader = ana
    if case in ("another team", "also asked", "sees every"):
        reader = cyd
    if case == "also asked":
        Proposal.objects.filter(pk=proposal.pk).update(also_teams=["finance"])
    elif case == "sees every":
        reader.user_permissions.add(Permission.objects.get(codename="view_every_proposal"))
    elif case == "sees none":
        reader.groups.remove(*Group.objects.all())
    elif "again" in case:
        status = "open" if case == "asks again" else "expired"
        SecondReview.objects.create(
            proposal=proposal,
            team_id="operations",
            first=ben,
            second=ana,
            share=1,
            deadline=timezone.now() + timedelta(days=1),
            status=status,
        )
    reader = User.objects.get(pk=reader.pk)
    listed = Proposal.objects.visible_to(reader).filter(pk=proposal.pk).exists()
    assert bool(known_to(reader, proposal.pk)) is listed
    assert listed is (case in ("own team", "also asked", "sees every", "was asked again"))


def test_all_that_it_suggests_comes_with_it(propose: Any, ana: Any) -> None:
    proposal = propose()
    with sent() as statements:
        suggestions = known_to(ana, proposal.pk)
        [suggestion] = suggestions
        assert suggestion.action_type.name == "refund_payment"
        assert list(suggestion.proposal.suggestions.all()) == suggestions
    asked_for_it = [text for text in statements if "suggestions_suggestion" in text]
    assert len(asked_for_it) == 1


def test_of_what_is_not_there_nothing_is_known(ana: Any) -> None:
    assert known_to(ana, uuid7()) == []
    assert Team.objects.filter(members=ana).exists()
