"""The secrets that sign callbacks, over the API."""

from __future__ import annotations

from datetime import timedelta

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, Instant
from audit.asking.bodies import Strict, check
from audit.asking.who import actor_of
from governance.agents import callback_secret
from governance.agents.callback_secret import SecretInForce
from governance.door.keys import LONGEST_OVERLAP, OVERLAP
from governance.door.permissions import has_permission
from governance.models import Agent

LONGEST = int(LONGEST_OVERLAP.total_seconds())
MAY_CHANGE = has_permission("governance.change_agent")


class CallbackSecretAnswer(Answer):
    """A secret that signs now, without its value."""

    fingerprint: str = Field(description="The first eight hexadecimal digits of its SHA-256.")
    created_at: Instant
    ends_at: Instant | None = Field(description="From then on it signs nothing; null: it is the newest.")


class CallbackSecretsAnswer(Answer):
    """All that sign, the newest first; a message has a signature by each."""

    agent: str
    secrets: list[CallbackSecretAnswer]


class NewCallbackSecretAnswer(CallbackSecretsAnswer):
    """The same, with the new one, which is told this once."""

    secret: str = Field(description="`whsec_…`, as libraries of Standard Webhooks take it.")


class RotateBody(Strict):
    overlap_seconds: int = Field(
        int(OVERLAP.total_seconds()),
        ge=0,
        le=LONGEST,
        description="How long the one before signs beside it; 0: not at all.",
    )


class CallbackSecrets(APIView):
    permission_classes = [has_permission("governance.view_agent")]

    @extend_schema(operation_id="list_callback_secrets", responses={200: CallbackSecretsAnswer})
    def get(self, request: Request, name: str) -> Response:
        """Which secrets sign what an agent is told, without their values."""
        agent = get_object_or_404(Agent, name=name)
        return Response(CallbackSecretsAnswer(agent=agent.name, secrets=_told(agent)))


class RotateCallbackSecret(APIView):
    permission_classes = [MAY_CHANGE]

    @extend_schema(
        operation_id="rotate_callback_secret", request=RotateBody, responses={201: NewCallbackSecretAnswer}
    )
    def post(self, request: Request, name: str) -> Response:
        """A new secret, told in this answer alone; until the overlap ends both sign every message."""
        agent = get_object_or_404(Agent, name=name)
        overlap = timedelta(seconds=check(RotateBody, request.data).overlap_seconds)
        secret = callback_secret.rotate(agent, actor=actor_of(request), overlap=overlap)
        answer = NewCallbackSecretAnswer(agent=agent.name, secrets=_told(agent), secret=secret)
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})


class EndCallbackSecrets(APIView):
    permission_classes = [MAY_CHANGE]

    @extend_schema(operation_id="end_callback_secrets", request=None, responses={200: CallbackSecretsAnswer})
    def post(self, request: Request, name: str) -> Response:
        """End the overlap now: the newest secret alone signs. 409 where nothing overlaps."""
        agent = get_object_or_404(Agent, name=name)
        callback_secret.end_earlier(agent, actor=actor_of(request))
        return Response(CallbackSecretsAnswer(agent=agent.name, secrets=_told(agent)))


def _told(agent: Agent) -> list[CallbackSecretAnswer]:
    return [_answer(secret) for secret in callback_secret.in_force(agent)]


def _answer(secret: SecretInForce) -> CallbackSecretAnswer:
    return CallbackSecretAnswer(
        fingerprint=secret.fingerprint, created_at=secret.created_at, ends_at=secret.ends_at
    )
