"""Boundaries over the API: an agent asks for its own, an operator reads and sets those of any."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.who import actor_of
from governance.agents import boundaries
from governance.agents.agents import set_boundaries
from governance.agents.boundaries import AgentLimits
from governance.door.authentication import agent_of
from governance.door.permissions import IsAgent, has_permission
from governance.models import Agent
from suggestions.allowance import allowance
from suggestions.allowance.answers import BoundariesAnswer


class OwnBoundaries(APIView):
    permission_classes = [IsAgent]

    @extend_schema(operation_id="get_own_boundaries", responses={200: BoundariesAnswer})
    def get(self, request: Request) -> Response:
        """What this agent may ask for at all, and what of its rates and budgets is left."""
        return Response(allowance.of(agent_of(request).agent))


class AgentBoundaries(APIView):
    def get_permissions(self) -> list[BasePermission]:
        needed = "view" if self.request.method in ("GET", "HEAD", "OPTIONS") else "change"
        return [has_permission(f"governance.{needed}_agent")()]

    @extend_schema(operation_id="get_boundaries", responses={200: BoundariesAnswer})
    def get(self, request: Request, name: str) -> Response:
        """What an agent may ask for at all, and what of its rates and budgets is left."""
        return Response(allowance.of(get_object_or_404(Agent, name=name)))

    @extend_schema(operation_id="set_boundaries", request=AgentLimits, responses={200: BoundariesAnswer})
    def put(self, request: Request, name: str) -> Response:
        """Set all of them; what is left out is not limited, and counts from the next request on."""
        agent = get_object_or_404(Agent, name=name)
        body: Any = request.data
        set_boundaries(agent, boundaries.read(body), actor=actor_of(request))
        agent.refresh_from_db()
        return Response(allowance.of(agent))
