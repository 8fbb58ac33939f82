"""Writing secrets, saying who may use them, and encrypting them anew."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from governance.actions import action_types
from governance.models import ActionType, Secret, User
from governance.models.secrets import is_secret_name
from governance.secrets import box, certificates, masking, vault
from governance.secrets.resealing import Resealed

LONGEST = 16 * 1024  # characters
LONGEST_DESCRIPTION = 200
MOST_GRANTS = 100


class NameTaken(Refusal):
    """There is a secret of this name already."""


class Gone(Refusal):
    detail = "Somebody deleted this secret meanwhile."


class StillUsed(Refusal):
    """Workflows name it, and it was not said that this is known."""

    def __init__(self, secret: Secret, used_by: Sequence[str]) -> None:
        others = f" and {len(used_by) - 5} more" if used_by[5:] else ""
        super().__init__(
            f"{secret.name} is used by {', '.join(used_by[:5])}{others}: nothing of theirs that "
            "needs it would be sent any more.",
            used_by=list(used_by),
        )


@transaction.atomic
def write(
    name: str,
    value: str,
    *,
    actor: Actor,
    by: User | None,
    description: str = "",
    granted_to: Sequence[str] = (),
) -> Secret:
    """Keep a new secret. Nobody can read it from here again. Raises `Invalid`, `NameTaken`."""
    if not is_secret_name(name):
        raise Invalid.field(
            "/name", "1 to 64 letters of A to Z, digits or _ . - with a letter or digit among them."
        )
    description = description.strip()
    if len(description) > LONGEST_DESCRIPTION or not description.isprintable():
        raise Invalid.field("/description", f"At most {LONGEST_DESCRIPTION} characters, on one line.")
    secret = Secret(name=name, description=description, granted_to=_actions(granted_to))
    _put_in(secret, value, by)
    try:
        with transaction.atomic():
            secret.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(f"There is a secret {name} already; replace its value instead.") from error
    record(
        "secret.written",
        actor=actor,
        data={"secret": name, "granted_to": secret.granted_to, "replaced": False},
    )
    return secret


@transaction.atomic
def replace(secret: Secret, value: str, *, actor: Actor, by: User | None) -> Secret:
    """Another value in the place of this one, at once and for good. Raises `Invalid`, `Gone`."""
    kept = _locked(secret)
    _put_in(kept, value, by)
    kept.written_at = Now()
    kept.save(update_fields=["ciphertext", "certificate_until", "written_by", "written_at", "rotated_at"])
    record(
        "secret.written",
        actor=actor,
        data={"secret": kept.name, "granted_to": kept.granted_to, "replaced": True},
    )
    transaction.on_commit(vault.forget)
    kept.refresh_from_db()
    return kept


@transaction.atomic
def grant(secret: Secret, granted_to: Sequence[str], *, actor: Actor) -> Secret:
    """Let the routes of these action types use it, and of no others. Raises `Invalid`, `Gone`.

    Types that are not there yet may be named: their workflows can name the secret once they are.
    """
    kept, wanted = _locked(secret), _actions(granted_to)
    if wanted == kept.granted_to:
        return kept
    data = {"secret": kept.name, "before": kept.granted_to, "granted_to": wanted}
    kept.granted_to = wanted
    kept.save(update_fields=["granted_to"])
    record("secret.granted", actor=actor, data=data)
    transaction.on_commit(vault.forget)
    return kept


@transaction.atomic
def delete(secret: Secret, *, although_used: bool, actor: Actor) -> None:
    """Forget it for good. Raises `StillUsed` where workflows name it, unless that is known, and `Gone`."""
    kept = _locked(secret)
    users = users_of([kept.name])
    if users and not although_used:
        raise StillUsed(kept, [str(user) for user in users])
    kept.delete()
    used_by = [user.name for user in users]
    record("secret.deleted", actor=actor, data={"secret": kept.name, "used_by": used_by})
    transaction.on_commit(vault.forget)


def rotate_all(*, actor: Actor) -> Resealed:
    """Encrypt under the newest key whatever is not; safe to call again where it was cut off."""
    unreadable, count = [], 0
    for pk, name, sealed in Secret.objects.order_by("name").values_list("pk", "name", "ciphertext"):
        if box.is_under_newest_key(sealed):
            continue
        try:
            count += _rotate(pk, actor)
        except box.Unreadable:
            unreadable.append(name)
    return Resealed(count, unreadable)


@transaction.atomic
def _rotate(pk: UUID, actor: Actor) -> bool:
    kept = Secret.objects.select_for_update().filter(pk=pk).first()
    if kept is None or box.is_under_newest_key(kept.ciphertext):
        return False
    kept.ciphertext = box.resealed(kept.ciphertext)
    kept.rotated_at = Now()
    kept.save(update_fields=["ciphertext", "rotated_at"])
    record("secret.rotated", actor=actor, data={"secret": kept.name})
    return True


def users_of(names: Sequence[str]) -> list[ActionType]:
    """The action types whose current workflow names one of these."""
    naming = ActionType.objects.current().filter(secrets__overlap=list(names))
    return list(naming.only("name", "version", "secrets").order_by("name"))


def _locked(secret: Secret) -> Secret:
    kept = Secret.objects.select_for_update().filter(pk=secret.pk).first()
    if kept is None:
        raise Gone
    return kept


def _put_in(secret: Secret, value: str, by: User | None) -> None:
    value = value.replace("\r\n", "\n").strip()  # as browsers send lines, and what comes along when copying
    _check(value)
    secret.certificate_until = certificates.ends_at(value)
    if secret.certificate_until is None and "BEGIN CERTIFICATE" in value and "PRIVATE KEY" in value:
        raise Invalid.field(
            "/value", "Certificate and key do not belong together, or the key wants a password."
        )
    secret.ciphertext, secret.written_by, secret.rotated_at = box.seal(secret.name, value), by, None


def _check(value: str) -> None:
    if len(value) < masking.SHORTEST:
        raise Invalid.field(
            "/value",
            f"At least {masking.SHORTEST} characters: a shorter one could not be told from other words "
            "in what services answer.",
        )
    if len(value) > LONGEST:
        raise Invalid.field("/value", f"At most {LONGEST:,} characters.")
    if any(not one.isprintable() for one in value.replace("\n", "").replace("\t", "")):
        raise Invalid.field("/value", "It has characters that no text has.")


def _actions(named: Sequence[str]) -> list[str]:
    wanted = sorted({name.strip() for name in named} - {""})
    if len(wanted) > MOST_GRANTS:
        raise Invalid.field("/granted_to", f"At most {MOST_GRANTS} action types.")
    for name in wanted:
        if not action_types.is_name(name):
            raise Invalid.field("/granted_to", f"{name[:128]!r} is no name of an action type.")
    return wanted
