from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import redis
from django.conf import settings as now
from django.core.management import call_command

from reviewapp import checks

ROOT = Path(__file__).resolve().parents[2]


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def check_deploy(**environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as an operator runs it."""
    production = {
        "DJANGO_SETTINGS_MODULE": "reviewapp.settings",
        "PUBLIC_URL": "https://review.example",
        "ALLOWED_HOSTS": "review.example",
        "SECRET_KEY": "".join(chr(33 + n) for n in range(64)),
        "DEBUG": "0",
        "TRUSTED_PROXIES": "10.0.0.5",
        "STATIC_UNHASHED": "0",
        "SECRETS_KEYS": "A" * 43 + "=",
        "AUDIT_SIGNING_KEY": "A" * 43 + "=",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    everything = {**os.environ, **production, **environment}
    return subprocess.run(command, cwd=ROOT, env=everything, capture_output=True, text=True, check=False)


def test_production_settings_on_proper_services_are_clean(transactional_db: None) -> None:
    result = check_deploy()
    assert (result.returncode, result.stdout, result.stderr) == (
        0,
        "System check identified no issues (0 silenced).\n",
        "",
    )


def named(**environment: str) -> list[str]:
    """All that is named in this environment; several weaknesses at once, for a process takes seconds."""
    result = check_deploy(**environment)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return sorted(re.findall(r"\(([a-z]+\.[EW]\d+)\)", result.stderr))


def test_what_is_not_fit_for_production_is_named(transactional_db: None) -> None:
    no_broker = "redis://127.0.0.1:1/0"
    found = named(
        PUBLIC_URL="http://review.example", DEBUG="1", SECRET_KEY="short", CELERY_BROKER_URL=no_broker
    )
    assert [name for name in found if name.startswith("reviewapp")] == ["reviewapp.E010", "reviewapp.E020"]
    assert {"security.W009", "security.W018"} <= set(found)


def test_the_owner_of_the_log_is_refused_as_the_applications_role(transactional_db: None) -> None:
    found = named(TRUSTED_PROXIES="", DATABASE_URL=os.environ["DATABASE_OWNER_URL"])
    assert found == ["reviewapp.E004", "reviewapp.W002"]


def test_a_superuser_is_refused_as_the_applications_role(transactional_db: None, services: Any) -> None:
    name = now.DATABASES["default"]["NAME"]
    as_superuser = urlunsplit(urlsplit(services.superuser_url)._replace(path=f"/{name}"))
    found = named(TRUSTED_PROXIES="10.0.0.5,0.0.0.0/0", DATABASE_URL=as_superuser)
    assert found == ["reviewapp.E003", "reviewapp.W003"]


def test_a_database_that_does_not_answer_is_one_line(transactional_db: None) -> None:
    nowhere = "postgres://nobody@127.0.0.1:1/none"
    found = named(TRUSTED_PROXIES="::/0", DATABASE_URL=nowhere, SECRETS_KEYS="", AUDIT_SIGNING_KEY="")
    assert found == ["reviewapp.E001", "reviewapp.W003", "reviewapp.W004", "reviewapp.W005"]


def test_each_weakness_of_the_database_has_its_own_number() -> None:
    def about(*facts: Any) -> list[str]:
        return ids(list(checks._about_database(*facts)))

    assert about("on", "on", False, False, False) == []
    assert about("on", "remote_apply", False, False, False) == []
    assert about("on", "on", False, False, True) == ["reviewapp.E005"]
    assert about("off", "off", True, True, True) == ["reviewapp.E003", "reviewapp.E006", "reviewapp.E007"]


def test_a_broker_that_forgets_is_refused(settings: Any, valkey_of_its_own: str) -> None:
    settings.CELERY_BROKER_URL = valkey_of_its_own
    assert checks.the_broker_keeps_messages(None) == []

    with redis.Redis.from_url(valkey_of_its_own) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
    assert ids(checks.the_broker_keeps_messages(None)) == ["reviewapp.E011", "reviewapp.E012"]


def test_without_deploy_nothing_is_asked(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        call_command("check")
