"""A policy kept in a file, on its way into force."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import Actor
from audit.ground.refusals import Invalid, Refusal
from governance.models import PolicyVersion, User
from governance.policies import check_policy, lifecycle, policy
from reviewapp.validate_policy import validate

STATUS = PolicyVersion.Status
NEXT = {
    STATUS.DRAFT: "It is a draft. Next: run a backtest of it.",
    STATUS.VALIDATED: "It is validated. Next: somebody but its author approves it, with --approve --as NAME.",
    STATUS.APPROVED: "It is approved. Next: --activate --as NAME.",
    STATUS.ACTIVE: "It is in force.",
    STATUS.RETIRED: "It was in force before. --activate --as NAME puts it in force again.",
}


class Command(BaseCommand):
    help = (
        "Bring the policy in a YAML file on its way: keep it as a draft and validate it, then (--approve) "
        "approve and (--activate) activate it, as somebody other than its author. Safe to repeat. "
        "The last line printed is the version's id, the digest of what it says."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--check", action="store_true", help="only say what is wrong with it, and where")
        parser.add_argument("--author", metavar="NAME", help="whose draft it is; an operator")
        parser.add_argument("--note", default="", help="what it changes, and why")
        parser.add_argument("--approve", action="store_true")
        parser.add_argument("--activate", action="store_true")
        parser.add_argument("--as", dest="second", metavar="NAME", help="who approves and activates")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        text = _read(file)
        try:
            if options["check"]:
                self._check(file, text)
            else:
                self._go_on(text, **options)
        except Invalid as error:
            raise CommandError("\n".join(_line(file, e) for e in error.errors)) from error
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal

    def _check(self, file: Path, text: str) -> None:
        content, digest = check_policy.checked(text)
        for warning in check_policy.check(text).warnings:
            self.stdout.write(f"{_line(file, warning)} (a warning)")
        self.stdout.write(f"{file} is right: {len(content.rules)} rules.")
        self.stdout.write(digest)

    def _go_on(self, text: str, **options: Any) -> None:
        digest = policy.read(text)[1]
        version = PolicyVersion.objects.filter(pk=digest).first()
        if version is None:
            author = _person(options["author"], "--author")
            version, _ = lifecycle.draft(text, author=author, note=options["note"], actor=_actor(author))
        if version.status == STATUS.DRAFT:
            version = validate(version, say=self.stdout.write)
        if options["approve"] and version.status == STATUS.VALIDATED:
            second = _person(options["second"], "--as")
            version = lifecycle.approve(version, by=second, actor=_actor(second))
        if options["activate"] and version.status != STATUS.ACTIVE:
            second = _person(options["second"], "--as")
            version = lifecycle.activate(version, by=second, actor=_actor(second))
        self.stdout.write(NEXT[STATUS(version.status)])
        self.stdout.write(version.digest)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error


def _person(name: str | None, option: str) -> User:
    if not name:
        raise CommandError(f"Say who does it: {option} NAME.")
    person = User.objects.filter(username=name, is_active=True).first()
    if person is None:
        raise CommandError(f"There is no active user {name}.")
    return person


def _actor(person: User) -> Actor:
    return person.as_actor(authenticated_by="console")


def _line(file: Path, error: dict[str, Any]) -> str:
    place = ":".join(str(part) for part in (file, error.get("line"), error.get("column")) if part)
    return f"{place}: {error['detail']}"
