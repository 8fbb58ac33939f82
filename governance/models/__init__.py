"""The tables of governance, a file for each concern."""

from governance.models.absences import Absence
from governance.models.actions import ActionType, ActionTypeQuerySet, Risk
from governance.models.agents import Agent, AgentKey, ApiToken, Secret
from governance.models.autonomy import Autonomy, GateBounds, Incident, StageChange
from governance.models.callback_secrets import CallbackSecret
from governance.models.deployments import Deployment, PromptTemplate
from governance.models.door import AccountLink, KnownDevice
from governance.models.halts import Halt
from governance.models.people import Team, User
from governance.models.policies import PolicyVersion
from governance.models.standing import StandingApproval

__all__ = [
    "Absence",
    "AccountLink",
    "ActionType",
    "ActionTypeQuerySet",
    "Agent",
    "AgentKey",
    "ApiToken",
    "Autonomy",
    "CallbackSecret",
    "Deployment",
    "GateBounds",
    "Halt",
    "Incident",
    "KnownDevice",
    "PolicyVersion",
    "PromptTemplate",
    "Risk",
    "Secret",
    "StageChange",
    "StandingApproval",
    "Team",
    "User",
]
