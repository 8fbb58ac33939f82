"""The demo's people, agents, action types and policy, made through the product's own verbs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Refusal
from governance.actions import action_types
from governance.agents import deployments
from governance.agents.agents import create_agent
from governance.door.keys import hash_of, issue_key
from governance.door.roles import OPERATOR
from governance.models import Agent, AgentKey, User
from governance.people.people import create_user, set_password
from governance.policies import lifecycle

MARK = "demo-"


class Command(BaseCommand):
    help = (
        "Create the demo's people, agents, action types and policy from the files in a folder; safe to "
        "repeat. Writes the agents' keys to a file and prints the log-ins."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder",
            nargs="?",
            type=Path,
            default=settings.VAR_DIR / "demo",
            help="with action_types.json, policy.yaml, people.json, agents.json",
        )
        parser.add_argument("--shop", metavar="URL", help="write these files first, for the demo shop at URL")
        parser.add_argument("--keys", type=Path, metavar="FILE", help="keys.json in the folder when left out")

    def handle(self, *args: Any, folder: Path, shop: str | None, keys: Path | None, **options: Any) -> None:
        if shop:
            _seed(folder, shop)
        passwords = Notes(settings.VAR_DIR / "demo.json")
        agent_keys = Notes(keys or folder / "keys.json")
        try:
            people, agents = _read(folder / "people.json"), _read(folder / "agents.json")
            # The notes are written inside: a key or password that nobody could read is not made.
            with transaction.atomic():
                for person in people:
                    _person(person, passwords)
                _action_types(folder)
                operators = [p["username"] for p in people if p["role"] == OPERATOR]
                _policy(folder, operators)
                for agent in agents:
                    _agent(agent, agent_keys)
                    _deployments(agent["name"], operators)
                passwords.write()
                agent_keys.write()
        except Refusal as refusal:
            raise CommandError(f"The demo's files are refused: {refusal}") from refusal
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"The demo can't be set up: {type(error).__name__} {error}") from error
        for person in people:
            name = person["username"]
            self.stdout.write(f"{person['role']:<9} {name:<16} {passwords.found[name]}")


class Notes:
    """A small file of names and secrets that its owner alone may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self.found, file, indent=1)
        beside.replace(self.path)


def _seed(folder: Path, shop: str) -> None:
    command = [sys.executable, "-m", "demo.seed", "--shop", shop, "--out", str(folder)]
    made = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode:
        raise CommandError(
            made.stderr.strip().splitlines()[-1] if made.stderr.strip() else "demo.seed failed."
        )


def _read(file: Path) -> list[dict[str, Any]]:
    entries = json.loads(file.read_text(encoding="utf-8"))
    for entry in entries:
        name = entry.get("username") or entry["name"]
        if not name.startswith(MARK):
            raise ValueError(f"{name} does not begin with {MARK}")
    return entries


def _person(person: dict[str, Any], passwords: Notes) -> None:
    name = person["username"]
    user = User.objects.filter(username=name).first()
    if user is None:
        made = create_user(name, roles=[person["role"]], teams=[person["team"]], actor=SYSTEM)
        passwords.found[name] = made[1]
    elif name not in passwords.found or not user.check_password(passwords.found[name]):
        passwords.found[name] = set_password(user, actor=SYSTEM)


def _action_types(folder: Path) -> None:
    for definition in action_types.parse((folder / "action_types.json").read_text(encoding="utf-8")):
        action_types.register(definition, actor=SYSTEM)


def _policy(folder: Path, operators: list[str]) -> None:
    """The way every policy goes, and no short cut: written by one operator, put in force by another."""
    if len(operators) < 2:
        raise ValueError("people.json names fewer than two operators")
    author, second = (User.objects.get(username=name) for name in operators[:2])
    text = (folder / "policy.yaml").read_text(encoding="utf-8")
    version, created = lifecycle.draft(text, author=author, note="What the demo begins with.")
    if created:
        lifecycle.mark_validated(version, {"proposals": 0}, actor=SYSTEM)
        lifecycle.approve(version, by=second)
        lifecycle.activate(version, by=second)


def _agent(wanted: dict[str, Any], keys: Notes) -> None:
    name = wanted["name"]
    agent = Agent.objects.filter(name=name).first()
    if agent is None:
        owner = User.objects.get(username=wanted["owner"])
        keys.found[name] = create_agent(name, owner=owner, allowed_actions=wanted["actions"], actor=SYSTEM)[1]
    elif not _opens(agent, keys.found.get(name, "")):
        keys.found[name] = issue_key(agent, actor=SYSTEM)


def _opens(agent: Agent, key: str) -> bool:
    return AgentKey.objects.filter(agent=agent, hash=hash_of(key), revoked_at=None).exists()


def _deployments(name: str, operators: list[str]) -> None:
    """What most of the demo's proposals come from is active; what some come from waits to be approved."""
    agent = Agent.objects.get(name=name)
    author, second = (User.objects.get(username=username) for username in operators[:2])
    for version, manner in ((3, "Be brief."), (4, "Be brief and warm.")):
        text = deployments.read(
            {
                "label": f"{name}@{version}",
                "model": "demo-model-1",
                "prompts": {
                    "system": f"You help the customers of a small shop.\n{manner}\nNever promise money."
                },
                "note": "Made up by the demo",
            }
        )
        deployment, new = deployments.register(agent, text, by=author)
        if new and version == 3:
            deployments.approve(deployment, by=second)
            deployments.activate(deployment, by=second)
