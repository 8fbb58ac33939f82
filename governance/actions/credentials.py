"""How a call proves who asks: which secrets stand in its headers, and the ways that have fields of their own.

Workflows name secrets, they never hold them: `{secret:NAME}` in the value of a header, and the fields below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from audit.ground import egress
from governance.models import Secret
from governance.models.secrets import NAME_PATTERN, is_secret_name

Path = tuple[str | int, ...]
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")
_IN_HEADER = re.compile(r"\{secret:(" + NAME_PATTERN + r")\}")
OPENING = "{secret:"


def _secret_name(name: str) -> str:
    if not is_secret_name(name):
        raise ValueError("is the name of a secret: letters of A to Z, digits or _ . -")
    return name


def _token_url(url: str) -> str:
    try:
        egress.read_url(url)
    except egress.Refused as error:
        raise ValueError(str(error)) from error
    return url


SecretName = Annotated[str, AfterValidator(_secret_name)]


class OAuth2(BaseModel):
    """A token for the client itself (client credentials), fetched when one is needed.

    The client's id and secret are sent as HTTP Basic, or in the body where the server wants that.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    token_url: Annotated[str, Field(min_length=8, max_length=2_000), AfterValidator(_token_url)]
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: SecretName
    scope: str = Field("", max_length=2_000)
    audience: str = Field("", max_length=2_000)
    send_as: Literal["basic", "body"] = "basic"


class Credentials(BaseModel):
    """What an HTTP route may have to prove who asks.

    `sign` names the key of a signature (Standard Webhooks), `client_certificate` what holds the PEM of a
    certificate and its key.
    """

    sign: SecretName | None = None
    client_certificate: SecretName | None = None
    oauth2: OAuth2 | None = None

    def secrets(self) -> Iterator[tuple[str, str]]:
        """The secrets that these fields name, by field."""
        if self.sign:
            yield "sign", self.sign
        if self.client_certificate:
            yield "client_certificate", self.client_certificate
        if self.oauth2:
            yield "oauth2.client_secret", self.oauth2.client_secret

    @model_validator(mode="after")
    def _nothing_twice(self) -> Credentials:
        named = {name.lower() for name in getattr(self, "headers", {})}
        if self.oauth2 and "authorization" in named:
            raise ValueError("oauth2 sets the header authorization")
        if self.sign and (twice := named.intersection(SIGNED)):
            raise ValueError(f"sign sets the header {min(twice)}")
        if self.client_certificate and not getattr(self, "url", "").startswith("https://"):
            raise ValueError("a client certificate needs an address that begins with https://")
        return self


def secrets_in(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The secrets that headers name (`Bearer {secret:shop-token}`), with the field that names each."""
    for header, value in headers.items():
        for name in _IN_HEADER.findall(value):
            yield f"headers.{header}", name


def filled_in(value: str, secret: Callable[[str], str]) -> str:
    """The value of a header with the secrets in the place of their names."""
    return _IN_HEADER.sub(lambda found: secret(found[1]), value)


def named(secret: str) -> str:
    """A secret as headers name it, for people: `{secret:shop-token}`."""
    return f"{OPENING}{secret}}}"


def unfinished_secret(header: str, value: str) -> str:
    """That a header begins to name a secret and does not end; empty where it is right."""
    unfinished = OPENING in _IN_HEADER.sub("", value)
    return f"{header} names no secret: write {OPENING}NAME}}" if unfinished else ""


def unusable(named: Iterable[tuple[Path, str]], *, action: str) -> list[tuple[Path, str]]:
    """What is wrong with secrets that a workflow of this action type names, each by its path. One query.

    Those that are there, that may be used by its routes, and that hold a certificate where one is needed, are
    right.
    """
    named = list(named)
    rows = Secret.objects.filter(name__in={name for _, name in named}) if named else []
    kept = {secret.name: secret for secret in rows}
    told = [(path, _wrong(name, kept.get(name), path, action)) for path, name in named]
    return [(path, problem) for path, problem in told if problem]


def _wrong(name: str, secret: Secret | None, path: Path, action: str) -> str:
    if secret is None:
        return f"there is no secret {name}"
    if action not in secret.granted_to:
        return f"the secret {name} is not granted to {action}: see Governance, Secrets"
    if path[-1] == "client_certificate" and secret.certificate_until is None:
        return f"the secret {name} holds no certificate with its key (PEM)"
    return ""
