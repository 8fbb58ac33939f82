"""Every list of this floor asks as much of the database for twelve rows as for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.ground.ids import uuid7
from audit.log.record import record
from governance.door import keys
from governance.models import Absence, ActionType, Agent, Deployment, PolicyVersion, PromptTemplate, User
from governance.people.absence_views import SKIPPED
from tests.conftest import ApiClient, make_person
from tests.queries import last_of_twelve

NOW = datetime.now(UTC)


@dataclass
class Scene:
    """Who looks, and the rows that there are of everything."""

    olga: Any
    agent: Agent
    policy: PolicyVersion
    deployment: Deployment

    def policies(self, n: int) -> None:
        PolicyVersion.objects.create(
            digest=f"sha256:{n:064x}",
            text=f"version: 1\ndefaults: {{priority: {n}}}",
            author=person(f"writes-{n}"),
            approved_by=person(f"approves-{n}"),
            score={"proposals": n},
        )

    def moves_of_a_policy(self, n: int) -> None:
        with transaction.atomic():
            record(
                "policy.activated",
                actor=person(f"moves-{n}").as_actor(),
                data={"policy": self.policy.pk, "rules": 0},
            )

    def deployments(self, n: int) -> None:
        prompt = PromptTemplate.objects.create(digest=f"sha256:{n:064x}", text=f"You are number {n}.")
        Deployment.objects.create(
            agent=self.agent,
            label=f"bot@{n}",
            status="registered",
            model=f"model-{n}",
            policy=self.policy,
            prompts={"system": prompt.pk},
            registered_by=person(f"registers-{n}"),
            approved_by=person(f"approves-{n}"),
        )

    def prompts_of_a_deployment(self, n: int) -> None:
        prompt = PromptTemplate.objects.create(digest=f"sha256:{n:064x}", text=f"You are number {n}.")
        self.deployment.prompts[f"prompt-{n}"] = prompt.pk
        self.deployment.save()

    def absences(self, n: int) -> None:
        Absence.objects.create(
            person=make_person(f"away-{n}", "reviewer"),
            deputy=make_person(f"deputy-{n}", "reviewer"),
            since=NOW - timedelta(days=n % 2),
            until=NOW + timedelta(days=2 + n),
            by=self.olga,
        )

    def absences_to_stand_in_for(self, n: int) -> None:
        Absence.objects.create(
            person=make_person(f"away-{n}", "reviewer"),
            deputy=self.olga,
            since=NOW,
            until=NOW + timedelta(days=2),
            by=self.olga,
        )

    def skipped(self, n: int) -> None:
        with transaction.atomic():
            data = {"from": "operations", "to": f"team-{n}", "why": "nobody there may decide"}
            record(SKIPPED, actor=SYSTEM, data=data, proposal=uuid7())

    def action_types(self, n: int) -> None:
        ActionType.objects.create(
            name=f"action_{n}",
            version=1,
            schema={"type": "object", "properties": {"iban": {"type": "string", "x-data-class": "personal"}}},
            definition_digest=f"sha256:{n:064x}",
            **KIND,
        )

    def versions_of_an_action_type(self, n: int) -> None:
        ActionType.objects.filter(name="refund").update(current=False)
        ActionType.objects.create(
            name="refund",
            version=n + 1,
            schema={"type": "object", "title": str(n)},
            definition_digest=f"sha256:{n + 100:064x}",
            **KIND,
        )

    def agents(self, n: int) -> None:
        made = Agent.objects.create(name=f"bot-{n}", owner=person(f"owns-{n}"), allowed_actions=["refund"])
        keys.issue_key(made, actor=SYSTEM)

    def keys_of_an_agent(self, n: int) -> None:
        keys.issue_key(self.agent, actor=SYSTEM, name=f"key {n}")

    def refusals_of_an_agent(self, n: int) -> None:
        data = {"status": 403, "boundary": "rate", "actions": [f"action_{n}"]}
        with transaction.atomic():
            record("request.refused", actor=self.agent.as_actor(), data=data)

    def tokens(self, n: int) -> None:
        keys.issue_token(self.olga, actor=SYSTEM, name=f"token {n}")

    def people(self, n: int) -> None:
        make_person(f"person-{n}", "reviewer", team=f"team-{n}")


KIND = {
    "description": "Pay money back.",
    "reversibility": "irreversible",
    "template": "",
    "data_classes": ["financial"],
}


def person(name: str) -> User:
    return User.objects.get_or_create(username=name, defaults={"first_name": name.capitalize()})[0]


@pytest.fixture
def scene(olga: Any, agent: Agent) -> Scene:
    policy = PolicyVersion.objects.create(digest=f"sha256:{'a' * 64}", text="version: 1", status="active")
    deployment = Deployment.objects.create(
        agent=agent,
        label="bot@now",
        status="active",
        model="model-1",
        registered_by=olga,
        approved_by=person("approves"),
    )
    return Scene(olga, agent, policy, deployment)


LISTS: list[tuple[str, Callable[[Scene, int], None], str]] = [
    # address, what there is more of, what the twelfth of them is known by
    ("/governance/policies/", Scene.policies, "Writes-11"),
    ("/governance/policies/diff/", Scene.policies, "00000000000b"),
    ("/governance/policies/{policy}/", Scene.moves_of_a_policy, "Moves-11"),
    ("/api/v1/policies/", Scene.policies, "writes-11"),
    ("/governance/deployments/", Scene.deployments, "bot@11"),
    ("/governance/deployments/{deployment}/", Scene.deployments, "bot@11"),
    ("/governance/deployments/{deployment}/", Scene.prompts_of_a_deployment, "You are number 11."),
    ("/api/v1/deployments/", Scene.deployments, "bot@11"),
    ("/governance/out-of-office/", Scene.absences, "Deputy-11"),
    ("/governance/out-of-office/", Scene.skipped, "team-11"),
    ("/accounts/out-of-office/", Scene.absences_to_stand_in_for, "Away-11"),
    ("/api/v1/absences/", Scene.absences, "deputy-11"),
    ("/governance/action-types/", Scene.action_types, "action_11"),
    ("/governance/action-types/refund/", Scene.versions_of_an_action_type, "?version=12"),
    ("/governance/action-types/refund/", Scene.agents, "bot-11"),
    ("/api/v1/action-types/", Scene.action_types, "action_11"),
    ("/governance/agents/", Scene.agents, "bot-11"),
    ("/governance/agents/support-bot/", Scene.keys_of_an_agent, "key 11"),
    ("/governance/agents/support-bot/", Scene.refusals_of_an_agent, "action_11"),
    ("/governance/agents/support-bot/boundaries/", Scene.action_types, "action_11"),
    ("/governance/agents/new/", Scene.people, "person-11"),
    ("/governance/people/", Scene.people, "Person-11"),
    ("/accounts/tokens/", Scene.tokens, "token 11"),
]


@pytest.mark.parametrize(("address", "more", "last"), LISTS, ids=[f"{a} {m.__name__}" for a, m, _ in LISTS])
def test_a_list_of_twelve_asks_as_often_as_one_of_one(
    scene: Scene, address: str, more: Callable[[Scene, int], None], last: str
) -> None:
    ActionType.objects.create(
        name="refund",
        version=0 if more is Scene.versions_of_an_action_type else 1,
        schema={"type": "object"},
        definition_digest="sha256:" + "f" * 64,
        **KIND,
    )
    path = address.format(policy=scene.policy.pk, deployment=scene.deployment.pk)
    get = looking(scene.olga, path)
    answer = last_of_twelve(get, lambda n: more(scene, n))
    assert last in answer.content.decode()


def looking(person: Any, path: str) -> Callable[[], Any]:
    """A call of a page by somebody who has signed in, or of the API by their program."""
    if path.startswith("/api/"):
        api = ApiClient(keys.issue_token(person, actor=SYSTEM))
        return lambda: api.get(path.removeprefix("/api/v1/"))
    client = Client()
    client.force_login(person)
    return lambda: client.get(path)
