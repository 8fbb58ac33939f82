"""A secret is handed to routes that it is granted to, and each use is written down without its value."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F

from audit.ground.actors import SYSTEM
from governance.models import Secret, SecretUse
from governance.secrets import box, keep, vault
from tests.governance.secrets.made import VALUE, secret, told
from tests.queries import counted

PLACE = "refund_payment@3 refund 1"


def test_a_secret_is_handed_to_a_route_that_it_is_granted_to(db: None) -> None:
    kept = secret()

    assert vault.reveal("shop-token", user=PLACE) == VALUE

    used = {"secret": "shop-token", "action": "refund_payment", "place": PLACE}
    assert told()[-1] == ("secret.used", used)
    assert [(use.secret, use.place) for use in SecretUse.objects.all()] == [(kept, PLACE)]
    assert Secret.objects.with_last_use().get().last_used_at is not None  # type: ignore[attr-defined]


def test_no_other_action_type_gets_it(db: None) -> None:
    secret("shop-token", VALUE, "refund", "payment")

    for place in (PLACE, "refund_paymen@1 refund 1", "refund_payment", "", "@refund"):
        with pytest.raises(vault.NotGranted, match="the secret shop-token is not granted to"):
            vault.reveal("shop-token", user=place)
    with pytest.raises(vault.NoSecret, match="there is no secret shop-tokens"):
        vault.reveal("shop-tokens", user=PLACE)
    assert [kind for kind, _ in told()] == ["secret.written"]


def test_asked_again_within_seconds_it_costs_nothing_and_then_counts_anew(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = secret()
    vault.reveal("shop-token", user=PLACE)
    Secret.objects.update(granted_to=[])

    assert counted(lambda: vault.reveal("shop-token", user=PLACE)) == (VALUE, 0)

    monkeypatch.setattr(vault.time, "monotonic", lambda: clock + vault.REMEMBERED + 0.01)
    clock = max(known.until for known in vault._known.values()) - vault.REMEMBERED
    with pytest.raises(vault.NotGranted):
        vault.reveal("shop-token", user=PLACE)
    assert kept.granted_to == ["refund_payment"]


def test_a_use_is_an_event_once_a_minute_for_each_place(db: None) -> None:
    secret()
    for _ in range(3):
        vault.forget()
        vault.reveal("shop-token", user=PLACE)
        vault.reveal("shop-token", user="refund_payment@3 refund 2")
    assert [data["place"] for kind, data in told() if kind == "secret.used"] == [
        PLACE,
        "refund_payment@3 refund 2",
    ]

    SecretUse.objects.filter(place=PLACE).update(at=F("at") - timedelta(seconds=61))
    vault.forget()
    vault.reveal("shop-token", user=PLACE)
    assert [kind for kind, _ in told()].count("secret.used") == 3


def test_what_was_withdrawn_replaced_or_deleted_counts_at_once_in_this_process(
    db: None, django_capture_on_commit_callbacks: Any
) -> None:
    kept = secret()
    vault.reveal("shop-token", user=PLACE)

    with django_capture_on_commit_callbacks(execute=True):
        keep.replace(kept, "another-value", actor=SYSTEM, by=None)
    assert vault.reveal("shop-token", user=PLACE) == "another-value"
    with django_capture_on_commit_callbacks(execute=True):
        keep.grant(kept, [], actor=SYSTEM)
    with pytest.raises(vault.NotGranted):
        vault.reveal("shop-token", user=PLACE)
    with django_capture_on_commit_callbacks(execute=True):
        keep.delete(kept, although_used=False, actor=SYSTEM)
    with pytest.raises(vault.NoSecret):
        vault.reveal("shop-token", user=PLACE)


def test_a_value_under_another_name_or_key_is_not_handed_out(db: None, settings: Any) -> None:
    secret("shop-token", VALUE)
    secret("bank-token", "the-bank's-own-value", "pay_bill")
    Secret.objects.filter(name="shop-token").update(
        ciphertext=Secret.objects.get(name="bank-token").ciphertext
    )

    with pytest.raises(vault.Damaged, match="it was written under another name"):
        vault.reveal("shop-token", user=PLACE)
    settings.SECRET_KEY = "another"
    with pytest.raises(vault.Damaged, match="a key that is not among SECRETS_KEYS"):
        vault.reveal("bank-token", user="pay_bill@1 pay 1")
    assert "secret.used" not in [kind for kind, _ in told()]


def test_a_database_that_is_away_is_no_refusal(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("connection refused, value " + VALUE)

    monkeypatch.setattr(vault, "execute", away)
    with pytest.raises(vault.NotNow, match=r"^the secret shop-token could not be read now$") as raised:
        vault.reveal("shop-token", user=PLACE)
    assert raised.value.__suppress_context__


def test_an_old_key_opens_what_it_sealed_until_everything_is_under_the_newest(
    db: None, settings: Any
) -> None:
    first, second = box.new_key(), box.new_key()
    secret("from-secret-key")
    settings.SECRETS_KEYS = [first]
    secret("from-first")
    assert vault.reveal("from-secret-key", user=PLACE) == VALUE

    settings.SECRETS_KEYS = [second, first]
    done = keep.rotate_all(actor=SYSTEM)
    assert (done.count, done.unreadable) == (2, [])
    assert keep.rotate_all(actor=SYSTEM).count == 0
    assert told()[-2:] == [
        ("secret.rotated", {"secret": "from-first"}),
        ("secret.rotated", {"secret": "from-secret-key"}),
    ]

    settings.SECRETS_KEYS, settings.SECRET_KEY = [second], "another"
    vault.forget()
    assert [vault.reveal(name, user=PLACE) for name in ("from-first", "from-secret-key")] == [VALUE, VALUE]

    settings.SECRETS_KEYS = [box.new_key()]
    assert keep.rotate_all(actor=SYSTEM).unreadable == ["from-first", "from-secret-key"]


@pytest.mark.parametrize("key", ["short", "A" * 44, "=" * 44])
def test_a_key_that_is_none_is_named_by_its_number_alone(key: str) -> None:
    with pytest.raises(box.ImproperlyConfigured, match="SECRETS_KEYS: key 2 of 2 is not 32 bytes") as raised:
        box.check([box.new_key(), key])
    assert key not in str(raised.value)
