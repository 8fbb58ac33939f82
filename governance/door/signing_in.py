"""Trying to sign in: who may try now, who has to wait, and who gets through in any case.

Tries are counted by name and address together, so that whoever guesses at a name only makes their own
address wait; far looser by address and by name alone, against many guesses from one place and guesses from
many. A browser that the person signed in from before is counted by itself, and so is whoever shows a second
factor: nobody's guesses keep these out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from audit.asking.addresses import address_of, source_of
from audit.ground.actors import ANONYMOUS
from audit.ground.refusals import Refusal
from audit.log import counted
from audit.log.record import record_alone
from governance.door import devices, tries
from governance.door.tries import Counter
from governance.models import KnownDevice, User


class WrongCode(Refusal):
    """The second factor that was shown is none of this person's."""

    detail = "This code is not right."


@dataclass
class Try:
    """One try to sign in, already counted."""

    user: User | None
    address: str
    counters: list[Counter]
    device: KnownDevice | None = None
    factor: Authenticator | None = None  # the second factor that was shown with the password
    used_up: bool = field(default=False)  # no try is free any more

    def succeeded(self) -> None:
        """It costs nothing."""
        tries.take_back(self.counters)

    def failed(self) -> None:
        """Write it down. The name that was typed is left out: people type passwords into that field."""
        reason = "wrong name or password"
        if self.user is None:  # nobody's account: counted, or the log could be grown by anybody
            counted.of_stranger(source_of(self.address), {"reason": reason, "route": "account_login"})
            return
        data = {"reason": reason, "address": self.address, "user": str(self.user.pk), "often": self.used_up}
        record_alone("session.refused", actor=ANONYMOUS, data=data)


def begin(request: HttpRequest, name: str, *, code: str = "") -> Try:
    """Let somebody try a password for this name. Raises `TooSoon`, or `WrongCode` where a code was shown."""
    user = User.objects.filter(username__iexact=name.strip()).order_by("pk").first()
    address = address_of(request)
    if user and (device := devices.known(request, user)):
        return _counted(Try(user, address, [Counter(f"device:{device.pk}", free=10)], device=device))
    source, who = source_of(address), str(user.pk) if user else _hidden(name)
    if code.strip() and (factor := _shown(user, who, source, code)):
        return _counted(Try(user, address, [Counter(f"shown:{who}", free=10)], factor=factor))
    return _counted(
        Try(
            user,
            address,
            [
                Counter(f"name:{who}@{source}", free=5),
                Counter(f"address:{source}", free=50, longest=60),
                Counter(f"name:{who}", free=100, longest=60),
            ],
        )
    )


def _counted(one: Try) -> Try:
    one.used_up = tries.admit(one.counters)
    return one


def _shown(user: User | None, who: str, source: str, code: str) -> Authenticator | None:
    """The second factor that this code is of; where there is none to show, the code counts for nothing."""
    counters = _code_counters(who, source)
    tries.admit(counters)
    factors = Authenticator.objects.filter(user=user, type__in=_TYPED) if user else ()
    for factor in factors:
        if factor.wrap().validate_code(code.strip()):
            tries.take_back(counters)
            return factor
    raise WrongCode


_TYPED = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


def code_counters(request: HttpRequest, user: User) -> list[Counter]:
    """How often codes may be guessed for one person: from one address, and from all. From a browser that
    they signed in from before it is counted by itself."""
    if device := devices.known(request, user):
        return [Counter(f"code:device:{device.pk}", free=5)]
    return _code_counters(str(user.pk), source_of(address_of(request)))


def _code_counters(who: str, source: str) -> list[Counter]:
    return [Counter(f"code:{who}@{source}", free=5), Counter(f"code:{who}", free=50, longest=60)]


def _hidden(name: str) -> str:
    """A name that nobody has, kept as a hash: it may be a password typed into the wrong field."""
    return hashlib.sha256(name.strip().casefold().encode()).hexdigest()[:32]
