"""Digests in addresses: `<digest:digest>`. What is none leads nowhere, without asking the database."""

from __future__ import annotations

from django.urls import register_converter


class Digest:
    regex = "sha256:[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Digest, "digest")
