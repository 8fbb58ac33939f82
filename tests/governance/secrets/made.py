"""Secrets, certificates and keys that tests about them share."""

from __future__ import annotations

import datetime
import json
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from audit.ground.actors import SYSTEM
from audit.models import Event

VALUE = "sk-live/9q+7Zt==Kx"  # with what base64, addresses and JSON write otherwise


def secret(name: str = "shop-token", value: str = VALUE, *actions: str) -> Any:
    """Kept, and granted to `refund_payment` unless others are named."""
    from governance.secrets import keep

    return keep.write(name, value, actor=SYSTEM, by=None, granted_to=actions or ("refund_payment",))


def told() -> list[tuple[str, dict[str, Any]]]:
    """The events about secrets, with their data."""
    events = Event.objects.filter(type__startswith="secret.").order_by("pk")
    return [(event.type, json.loads(event.body)["data"]) for event in events]


class Authority(NamedTuple):
    """Somebody who issues certificates; `pem` is their own."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, name: str = "Test CA") -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _signed(name, key, by=name, signing=key, ca=True))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, name: str) -> str:
        """PEM of a certificate for this name, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        by = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        made = _signed(name, key, by=str(by), signing=self.key, ca=False)
        as_text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return (made.public_bytes(Encoding.PEM) + as_text).decode()


def _signed(name: str, key: Any, *, by: str, signing: Any, ca: bool) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
        .sign(signing, SHA256())
    )
