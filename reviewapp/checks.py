"""`manage.py check --deploy`: what has to be true of an installation before people rely on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis
from amqp.exceptions import AMQPError, PreconditionFailed
from celery import current_app
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from audit.asking import addresses
from audit.outbox.kind import is_rabbitmq
from reviewapp.privileges import LOGS

_DATABASE = """
SELECT current_setting('fsync'), current_setting('synchronous_commit'), bool_or(r.rolsuper),
       bool_or(pg_has_role(current_user, c.relowner, 'MEMBER')),
       bool_or(has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')
               OR has_table_privilege(c.oid, 'TRUNCATE'))
  FROM pg_roles r, pg_class c
 WHERE r.rolname = current_user AND c.oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) name)
HAVING count(*) > 0
"""


@register(Tags.security, deploy=True)
def the_log_cannot_be_changed(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The application's role may add to the log and read it, and what it wrote is on disk."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_DATABASE, [list(LOGS)])
            row = cursor.fetchone()
    except DatabaseError as error:
        return [Error(f"PostgreSQL did not answer: {type(error).__name__}.", id="reviewapp.E001")]
    if row is None:
        return [Error("There is no audit log yet.", hint="Run `manage.py migrate`.", id="reviewapp.E002")]
    return list(_about_database(*row))


def _about_database(
    fsync: str, synchronous_commit: str, is_superuser: bool, owns: bool, may_change: bool
) -> Iterator[CheckMessage]:
    if is_superuser:
        hint = "Use an ordinary role in DATABASE_URL, and the owner in DATABASE_OWNER_URL."
        yield Error("The application connects to PostgreSQL as a superuser.", hint=hint, id="reviewapp.E003")
    elif owns:
        hint = "Use another role in DATABASE_URL, and the owner in DATABASE_OWNER_URL."
        yield Error(
            "The application's role owns the audit log and could alter it.", hint=hint, id="reviewapp.E004"
        )
    elif may_change:
        hint = "`manage.py migrate` takes these rights away, run with DATABASE_OWNER_URL."
        yield Error("The application's role may change or delete events.", hint=hint, id="reviewapp.E005")
    if fsync != "on":
        yield Error("PostgreSQL runs with fsync off: a crash can lose decisions.", id="reviewapp.E006")
    if synchronous_commit == "off":
        yield Error("PostgreSQL confirms commits before they are on disk.", id="reviewapp.E007")


@register(Tags.security, deploy=True)
def the_broker_keeps_messages(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Valkey neither drops what it holds when it is full nor forgets it when it restarts; RabbitMQ's queues
    are of the kind that does not."""
    if is_rabbitmq(settings.CELERY_BROKER_URL):
        return _of_rabbitmq()
    url = settings.CELERY_BROKER_URL.replace("valkey", "redis", 1)
    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            said = {**client.config_get("maxmemory-policy"), **client.config_get("appendonly")}
    except redis.ResponseError:
        hint = "Its operator has switched CONFIG off: ask for maxmemory-policy noeviction and appendonly yes."
        return [Warning("The broker does not say how it keeps messages.", hint=hint, id="reviewapp.W001")]
    except redis.RedisError as error:
        return [Error(f"The broker did not answer: {type(error).__name__}.", id="reviewapp.E010")]
    wanted = {"maxmemory-policy": ("noeviction", "reviewapp.E011"), "appendonly": ("yes", "reviewapp.E012")}
    return [
        Error(f"The broker's {name} is {said.get(name)}.", hint=f"Set it to {value}.", id=number)
        for name, (value, number) in wanted.items()
        if said.get(name) != value
    ]


def _of_rabbitmq() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for queue in current_app.conf.task_queues:
        try:
            with current_app.connection_for_write() as connection:
                queue(connection.default_channel).declare()
        except PreconditionFailed:
            hint = f"Delete it, for it holds only hints: rabbitmqctl delete_queue {queue.name}"
            found.append(Error(f"The queue {queue.name} is no quorum queue.", hint=hint, id="reviewapp.E013"))
        except (OSError, AMQPError, OperationalError) as error:
            return [Error(f"The broker did not answer: {type(error).__name__}.", id="reviewapp.E010")]
    return found


@register(Tags.security, deploy=True)
def the_address_is_private(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Sessions travel encrypted. (That DEBUG is off is one of Django's own checks.)"""
    if settings.HTTPS:
        return []
    hint = "Cookies are only marked secure, and HSTS sent, where PUBLIC_URL begins with https."
    return [Error("PUBLIC_URL does not begin with https.", hint=hint, id="reviewapp.E020")]


@register(Tags.security, deploy=True)
def proxies_are_named(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Limits and the log know who asks. (That a proxy appends to X-Forwarded-For can't be seen from here.)"""
    if settings.HTTPS and not settings.TRUSTED_PROXIES:
        hint = "Name what ends TLS before this, or everybody behind it is one address to limits and the log."
        return [Warning("PUBLIC_URL is https, and TRUSTED_PROXIES is empty.", hint=hint, id="reviewapp.W002")]
    wide = [str(network) for network in addresses.networks(settings.TRUSTED_PROXIES) if _is_wide(network)]
    if wide:
        hint = "Name the proxies alone: whoever is in these networks can pass for any address."
        return [Warning(f"TRUSTED_PROXIES has {', '.join(wide)}.", hint=hint, id="reviewapp.W003")]
    return []


@register(Tags.security, deploy=True)
def secrets_have_keys_of_their_own(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whoever learns SECRET_KEY can't read the secrets of workflows with it, and it can be changed alone."""
    if settings.SECRETS_KEYS:
        return []
    hint = "Set it to what `rotate_secrets --new-key` prints, then run `manage.py rotate_secrets`."
    return [
        Warning("SECRETS_KEYS is not set: a key is derived from SECRET_KEY.", hint=hint, id="reviewapp.W004")
    ]


@register(Tags.security, deploy=True)
def the_log_is_signed_with_a_key_of_its_own(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whoever learns SECRET_KEY can't sign another log with it."""
    if settings.AUDIT_SIGNING_KEYS:
        return []
    hint = "Set it to what `signing_key --new` prints; checkpoints that were signed before stay as they are."
    return [
        Warning(
            "AUDIT_SIGNING_KEY is not set: a key is derived from SECRET_KEY.", hint=hint, id="reviewapp.W005"
        )
    ]


def _is_wide(network: addresses.Network) -> bool:
    """Is it more than somebody's own networks: much of the Internet?"""
    return not network.is_private and network.prefixlen < (16 if network.version == 4 else 32)
