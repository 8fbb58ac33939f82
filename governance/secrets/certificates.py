"""A secret that is a client certificate: PEM of the certificate, its chain and its key."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates


def ends_at(value: str) -> datetime | None:
    """When the certificate in it ends; None where there is none, or no unencrypted key that fits to it."""
    pem = value.encode()
    try:
        certificate = load_pem_x509_certificates(pem)[0]
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):  # the latter where the key wants a password
        return None
    plain = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fits = key.public_key().public_bytes(*plain) == certificate.public_key().public_bytes(*plain)
    return certificate.not_valid_after_utc if fits else None
