"""The log as C2SP tlog-tiles: what any client or witness of such logs reads, under `/log/`."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.asking.permissions import MayReadEvents
from audit.sealing import checkpoints, stored
from audit.sealing.verifier import ENTRIES, TILE_HEIGHT, Wrong, entry_bundle, parse_tile_path

# What a path names never changes; without PUBLIC_LOG no cache between may hand it to somebody else.
FOR_EVER = "max-age=31536000, immutable"


class _Served(APIView):
    """Read by anybody where the log is public, else by those who may read events."""

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny() if settings.PUBLIC_LOG else MayReadEvents()]


@extend_schema(exclude=True)
class ServedCheckpoint(_Served):
    def get(self, request: Request) -> HttpResponse:
        """The newest signed checkpoint."""
        try:
            note = checkpoints.cosigned(checkpoints.newest())
        except checkpoints.NoCheckpoint:
            raise Http404 from None
        return HttpResponse(
            note, content_type="text/plain; charset=utf-8", headers={"Cache-Control": f"{_who()}, max-age=1"}
        )


@extend_schema(exclude=True)
class HashTile(_Served):
    def get(self, request: Request, path: str) -> HttpResponse:
        """256 hashes of a level, or those that there were when the log had so many entries."""
        return _tile(path, lambda level, first, width: b"".join(stored.hashes(level, first, width)))


@extend_schema(exclude=True)
class EntryBundle(APIView):
    permission_classes = [MayReadEvents]

    def get(self, request: Request, path: str) -> HttpResponse:
        """The exact bytes of 256 events, each after its length."""
        return _tile(f"entries/{path}", lambda _, first, width: entry_bundle(stored.bodies(first, width)))


def _tile(path: str, read: Callable[[int, int, int], bytes]) -> HttpResponse:
    try:
        level, index, width = parse_tile_path(f"tile/{path}")
    except Wrong:
        raise Http404 from None
    entries = level == ENTRIES
    first = index << TILE_HEIGHT
    if first + width > stored.tree_size() >> TILE_HEIGHT * max(level, 0):
        raise Http404
    return HttpResponse(
        read(level, first, width),
        content_type="application/octet-stream",
        headers={"Cache-Control": f"{'private' if entries else _who()}, {FOR_EVER}"},
    )


def _who() -> str:
    return "public" if settings.PUBLIC_LOG else "private"
