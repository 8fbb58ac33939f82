"""Checkpoints and proofs over the API."""

from __future__ import annotations

import base64
from datetime import datetime

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer
from audit.asking.parameters import check_only, whole
from audit.asking.permissions import MayReadEvents
from audit.ground.refusals import Invalid
from audit.models import Checkpoint
from audit.sealing import checkpoints, stored
from audit.sealing.keys import public_keys
from audit.sealing.lag import lag
from audit.sealing.verifier import write_proof

LARGEST = 2**63 - 1
SIZE = OpenApiParameter("size", int, description="Of which checkpoint; the newest when left out.")


class CheckpointAnswer(Answer):
    """The signed root of the log's first `size` entries, and how far it is behind."""

    origin: str = Field(description="The name of the log.")
    size: int
    root: str = Field(description="Base64 of SHA-256, of the tree of RFC 6962.")
    at: datetime
    note: str = Field(description="The checkpoint as a C2SP signed note: what is to be kept.")
    keys: list[str] = Field(description="Verifier keys of those who sign now. Compare them out of band.")
    lag_seconds: float = Field(description="Since the oldest event was written that it does not cover.")
    lag_entries: int = Field(description="How many events it does not cover.")


class InclusionAnswer(Answer):
    """What leads from an event to the root of a checkpoint (RFC 9162, 2.1.3)."""

    leaf_index: int
    size: int
    leaf_hash: str = Field(description="Base64 of SHA-256(0x00 ‖ the exact bytes of the event).")
    hashes: list[str] = Field(description="Base64, from the lowest.")
    checkpoint: str
    tlog_proof: str = Field(description="The same as one text, `c2sp.org/tlog-proof@v1`.")


class ConsistencyAnswer(Answer):
    """What shows that an earlier checkpoint's entries lie unchanged in a later one (RFC 9162, 2.1.4)."""

    old_size: int
    size: int
    hashes: list[str] = Field(description="Base64, as the RFC orders them.")
    checkpoint: str = Field(description="The later one.")


class NewestCheckpoint(APIView):
    permission_classes = [MayReadEvents]

    @extend_schema(operation_id="get_checkpoint", responses={200: CheckpointAnswer}, parameters=[SIZE])
    def get(self, request: Request) -> Response:
        """The newest signed checkpoint, or an earlier one by its size."""
        check_only(request, {"size"})
        found = _asked_for(request)
        seconds, entries = lag()
        return Response(
            CheckpointAnswer(
                origin=found.origin,
                size=found.size,
                root=_base64(bytes(found.root)),
                at=found.at,
                note=found.note,
                keys=[key.vkey for key in public_keys(found.origin)],
                lag_seconds=round(seconds, 3),
                lag_entries=entries,
            )
        )


class InclusionProof(APIView):
    permission_classes = [MayReadEvents]

    @extend_schema(operation_id="prove_event", responses={200: InclusionAnswer}, parameters=[SIZE])
    def get(self, request: Request, leaf_index: int) -> Response:
        """The proof that an entry lies in the log as a checkpoint signs it."""
        check_only(request, {"size"})
        checkpoint = _asked_for(request)
        if leaf_index >= checkpoint.size:
            raise Http404
        [leaf] = stored.hashes(0, leaf_index, 1)
        hashes = checkpoints.proof_of(leaf_index, checkpoint.size)
        return Response(
            InclusionAnswer(
                leaf_index=leaf_index,
                size=checkpoint.size,
                leaf_hash=_base64(leaf),
                hashes=list(map(_base64, hashes)),
                checkpoint=checkpoint.note,
                tlog_proof=write_proof(leaf_index, hashes, checkpoint.note),
            )
        )


class ConsistencyProof(APIView):
    permission_classes = [MayReadEvents]

    @extend_schema(
        operation_id="prove_consistency",
        responses={200: ConsistencyAnswer},
        parameters=[
            OpenApiParameter("old", int, required=True, description="Size of the earlier one."),
            SIZE,
        ],
    )
    def get(self, request: Request) -> Response:
        """The proof that the entries of an earlier checkpoint lie unchanged in a later one."""
        check_only(request, {"old", "size"})
        checkpoint = _asked_for(request)
        old = _number(request, "old")
        if old is None or old > checkpoint.size:
            raise Invalid.field(
                "?old", f"Give a size from 1 to {checkpoint.size}, that of the later checkpoint."
            )
        hashes = checkpoints.proof_between(old, checkpoint.size)
        return Response(
            ConsistencyAnswer(
                old_size=old,
                size=checkpoint.size,
                hashes=list(map(_base64, hashes)),
                checkpoint=checkpoint.note,
            )
        )


def _asked_for(request: Request) -> Checkpoint:
    """The checkpoint of `?size=`, else the newest. Raises `Invalid`, and `Http404` where there is none."""
    size = _number(request, "size")
    try:
        return checkpoints.newest() if size is None else Checkpoint.objects.get(size=size)
    except (checkpoints.NoCheckpoint, Checkpoint.DoesNotExist):
        raise Http404 from None


def _number(request: Request, name: str) -> int | None:
    asked = request.query_params.get(name)
    if asked is None:
        return None
    found = whole(asked, least=1, most=LARGEST)
    if found is None:
        raise Invalid.field(f"?{name}", "Give a whole number from 1: an empty tree proves nothing.")
    return found


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
