"""A person's list is what they may see, newest first, and is read without going through everybody's."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance.models import Team
from suggestions.answering.newest import Narrowed, newest_of, newest_visible
from suggestions.models import Proposal, SecondReview
from tests.approvals.queue.test_read import copy_many
from tests.conftest import make_person

OTHERS = 5_000
MOST_PAGES = 400  # of 8 kB; to go through those of others takes thousands


def ids_of(reader: Any, narrowed: Narrowed, most: int) -> list[Any]:
    return [one.pk for one in newest_visible(reader, narrowed, most=most)]


@pytest.mark.django_db
def test_a_list_is_the_newest_that_one_may_see(propose: Any, ana: Any, cyd: Any, dora: Any) -> None:
    chance = random.Random(7)
    for slug in ("legal", "empty"):
        Team.objects.create(slug=slug, name=slug.title())
    ana.teams.add("legal")
    lone = make_person("eve", "reviewer", team="empty")
    made = [propose() for _ in range(40)]
    for one in made:
        also = chance.choice([[], [], ["finance"], ["legal", "finance"], ["empty"]])
        Proposal.objects.filter(pk=one.pk).update(
            team=chance.choice(["operations", "finance", "legal"]),
            also_teams=also,
            status=chance.choice(["pending", "rejected", "approved"]),
            action=chance.choice(["refund_payment", "send_mail"]),
        )
    asked = {"share": 1, "deadline": timezone.now(), "team_id": "operations"}
    SecondReview.objects.create(proposal=made[-1], first=ana, second=cyd, **asked)
    SecondReview.objects.create(proposal=made[-2], first=cyd, second=ana, **asked)
    choices = itertools.product(
        ["", "pending", "rejected", "expired"],
        ["", "send_mail"],
        ["", "support-bot", "nobody"],
        [None, made[20].pk],
        [4, 100],
    )
    for status, action, agent, after, most in choices:
        narrowed = Narrowed(status=status, action=action, agent=agent, after=after)
        for reader in (ana, cyd, dora, lone):
            visible = narrowed.of(Proposal.objects.visible_to(reader)).order_by("-pk")
            expected = list(visible.values_list("pk", flat=True)[:most])
            assert ids_of(reader, narrowed, most) == expected, (reader, narrowed, most)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", ["", "pending", "rejected"])
def test_a_list_of_a_team_with_few_proposals_is_read_from_its_index(
    propose: Any, cyd: Any, dora: Any, status: str
) -> None:
    few = [propose() for _ in range(3)]
    Proposal.objects.filter(pk=few[0].pk).update(team="finance")
    Proposal.objects.filter(pk=few[1].pk).update(also_teams=["finance"])
    copy_many(few[2], OTHERS)
    lone = make_person("eve", "reviewer", team="empty")
    readers = {cyd: ["finance"], lone: ["empty"], dora: ["empty", "finance", "operations"]}
    for reader, teams in readers.items():
        assert pages_read(*newest_of(teams, reader, Narrowed(status=status), most=51)) < MOST_PAGES


def pages_read(statement: str, values: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) {statement}", values)
        [(found,)] = cursor.fetchall()
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
