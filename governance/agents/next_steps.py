"""What comes next for a policy or a deployment, and who does it, in a few words; empty where nothing does."""

from __future__ import annotations

from governance.models import Deployment, PolicyVersion, User


def of_policy(version: PolicyVersion, person: User) -> str:
    status = PolicyVersion.Status
    if version.status == status.DRAFT:
        return "Run a backtest, which validates it."
    if version.status == status.VALIDATED:
        return _another(version.author, person)
    return "Activate it." if version.status == status.APPROVED else ""


def of_deployment(deployment: Deployment, person: User) -> str:
    status = Deployment.Status
    if deployment.status == status.REGISTERED:
        return _another(deployment.registered_by, person)
    return "Activate it." if deployment.status == status.APPROVED else ""


def _another(author: User | None, person: User) -> str:
    """The second pair of eyes, as this person has to be told."""
    if author == person:
        return "Ask another operator to approve it: it is yours."
    return "Read it, and approve it or leave it." if author else "An operator approves it."
