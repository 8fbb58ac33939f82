"""The tables of governance, a file for each concern."""

from governance.models.absences import Absence
from governance.models.access_reviews import AccessReview, ReviewedGrant
from governance.models.actions import ActionType, ActionTypeQuerySet, Risk, WorkflowText
from governance.models.agents import Agent, AgentKey, ApiToken
from governance.models.autonomy import Autonomy, GateBounds, StageChange
from governance.models.callback_secrets import CallbackSecret
from governance.models.deployments import Deployment, PromptTemplate
from governance.models.door import AccountLink, KnownDevice
from governance.models.halts import Halt
from governance.models.incidents import Incident, IncidentNote, Paged
from governance.models.people import RoleHeld, Team, TeamMembership, User
from governance.models.policies import PolicyVersion
from governance.models.secrets import Secret, SecretUse
from governance.models.standing import StandingApproval

__all__ = [
    "Absence",
    "AccessReview",
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
    "IncidentNote",
    "KnownDevice",
    "Paged",
    "PolicyVersion",
    "PromptTemplate",
    "ReviewedGrant",
    "Risk",
    "RoleHeld",
    "Secret",
    "SecretUse",
    "StageChange",
    "StandingApproval",
    "Team",
    "TeamMembership",
    "User",
    "WorkflowText",
]
