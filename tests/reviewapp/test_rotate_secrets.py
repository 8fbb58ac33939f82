"""One command brings everything that is kept sealed under the newest key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from approvals.models.notices import Target
from approvals.telling import seal
from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.agents import callback_secret
from governance.agents.sealing import Unreadable
from governance.models import Agent, CallbackSecret
from governance.secrets import box
from reviewapp.accounts.second_factors import SealedSecrets

pytestmark = pytest.mark.django_db
ADDRESS, CODE = "https://hooks.example.com/s3cret", "JBSWY3DPEHPK3PXP"


def rotated() -> str:
    out = StringIO()
    call_command("rotate_secrets", stdout=out)
    return out.getvalue()


@pytest.fixture
def signing(agent: Agent, ana: Any) -> str:
    """One of each thing that is sealed, from the time before there were any SECRETS_KEYS."""
    Target.objects.create(user=ana, name="mine", sealed=seal.sealed(ADDRESS))
    TOTP.activate(ana, CODE)
    RecoveryCodes.activate(ana)
    return callback_secret.rotate(agent, actor=SYSTEM)


def all_kept(agent: Agent, person: Any) -> list[Any]:
    factors = {one.type: one for one in Authenticator.objects.filter(user=person)}
    return [
        callback_secret.signing_secrets(agent)[0],
        seal.opened(bytes(Target.objects.get().sealed)),
        SealedSecrets().decrypt(factors["totp"].data["secret"]),
        RecoveryCodes(factors["recovery_codes"]).get_unused_codes(),
    ]


def test_everything_is_brought_under_the_newest_key_and_stays_what_it_was(
    agent: Agent, ana: Any, signing: str, settings: Any
) -> None:
    before = all_kept(agent, ana)
    assert before[:3] == [signing, ADDRESS, CODE]
    assert rotated() == "0 encrypted anew.\n"

    settings.SECRETS_KEYS = [box.new_key()]
    assert all_kept(agent, ana) == before
    assert rotated() == "4 encrypted anew.\n"
    assert rotated() == "0 encrypted anew.\n"
    settings.SECRET_KEY = "another"

    assert all_kept(agent, ana) == before
    told = Event.objects.filter(type="secret.resealed").order_by("id")
    assert [json.loads(one.body)["data"] for one in told] == [
        {"count": 1, "what": "callback secrets"},
        {"count": 1, "what": "notice targets"},
        {"count": 2, "what": "second factors"},
    ]


def test_what_can_not_be_read_is_named_and_the_rest_is_done(
    agent: Agent, ana: Any, signing: str, settings: Any
) -> None:
    settings.SECRETS_KEYS = [box.new_key()]
    Target.objects.update(sealed=b"no token")
    target, other = Target.objects.get(), CallbackSecret.objects.get(ends_at=None)
    with pytest.raises(CommandError, match=f"SECRETS_KEYS: notice-targets {target.pk}. Give"):
        rotated()
    settings.SECRET_KEY = "another"
    assert callback_secret.signing_secrets(agent)[0] == signing
    assert bytes(other.sealed) != bytes(CallbackSecret.objects.get(pk=other.pk).sealed)


def test_what_was_sealed_with_a_key_of_secret_key_alone_is_opened(agent: Agent, settings: Any) -> None:
    key = hmac.digest(settings.SECRET_KEY.encode(), b"callback-secrets", hashlib.sha256)
    callback_secret.rotate(agent, actor=SYSTEM)
    old = Fernet(base64.urlsafe_b64encode(key)).encrypt(b"whsec_old")
    CallbackSecret.objects.filter(ends_at=None).update(sealed=old)
    settings.SECRETS_KEYS = [box.new_key()]
    assert callback_secret.signing_secrets(agent)[0] == "whsec_old"


def test_what_is_sealed_for_one_purpose_opens_nothing_else(agent: Agent, settings: Any) -> None:
    settings.SECRETS_KEYS = [box.new_key()]
    callback_secret.rotate(agent, actor=SYSTEM)
    CallbackSecret.objects.filter(ends_at=None).update(sealed=seal.sealed("whsec_of_somebody"))
    with pytest.raises(Unreadable):
        callback_secret.signing_secrets(agent)
