"""The three roles and what each may do."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps

REVIEWER, AUDITOR, OPERATOR = "reviewer", "auditor", "operator"
DEFAULT_TEAM = "operations"

# Named as `user.has_perm` is asked for them. Nobody is given `add` or `delete`: rows are
# written by verbs, which also write the event.
_GOVERNANCE_SEEN = (
    "governance.view_actiontype",
    "governance.view_autonomy",
    "governance.view_deployment",
    "governance.view_halt",
    "governance.view_incident",
    "governance.view_policyversion",
    "governance.view_standingapproval",
)
PERMISSIONS: dict[str, tuple[str, ...]] = {
    REVIEWER: (
        *_GOVERNANCE_SEEN,
        "governance.throw_halt",
        "governance.attend_incident",
        "suggestions.view_proposal",
        "approvals.add_decision",
        "execution.view_execution",
    ),
    AUDITOR: (
        *_GOVERNANCE_SEEN,
        "governance.view_accessreview",
        "governance.sign_accessreview",
        "governance.view_agent",
        "governance.view_secret",
        "approvals.view_checkplan",
        "audit.view_event",
        "audit.export_event",
        "suggestions.view_proposal",
        "suggestions.view_every_proposal",
        "execution.view_execution",
    ),
    OPERATOR: (
        *_GOVERNANCE_SEEN,
        "audit.view_event",
        "governance.view_accessreview",
        "governance.change_accessreview",
        "governance.sign_accessreview",
        "governance.view_agent",
        "governance.change_agent",
        "governance.view_absence",
        "governance.change_absence",
        "governance.change_actiontype",
        "governance.change_autonomy",
        "governance.change_deployment",
        "governance.change_incident",
        "governance.attend_incident",
        "governance.change_policyversion",
        "governance.change_standingapproval",
        "governance.throw_halt",
        "governance.lift_halt",
        "governance.view_secret",
        "governance.change_secret",
        "governance.view_agentkey",
        "governance.view_apitoken",
        "governance.view_team",
        "governance.view_user",
        "governance.change_user",
        "suggestions.view_proposal",
        "suggestions.view_every_proposal",
        "suggestions.view_callback",
        "approvals.view_checkplan",
        "approvals.change_checkplan",
        "approvals.view_decision",
        "execution.view_execution",
        "execution.attend_execution",
        "execution.view_step",
        "execution.view_attempt",
    ),
}


def hand_out(app_config: AppConfig, *, using: str = "default", apps: Apps = installed_apps, **_: Any) -> None:
    """After an app was migrated, bring the roles' permissions in it to what is written here."""
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:  # not migrated yet; it will be, and then this is asked again
        return
    here = permission_model.objects.using(using).filter(content_type__app_label=app_config.label)
    for role, names in PERMISSIONS.items():
        wanted = [name.partition(".")[2] for name in names if name.startswith(f"{app_config.label}.")]
        group, _created = group_model.objects.using(using).get_or_create(name=role)
        group.permissions.remove(*here.filter(group=group).exclude(codename__in=wanted))
        group.permissions.add(*here.filter(codename__in=wanted))


def make_default_team(*, using: str = "default", apps: Apps = installed_apps, **_: Any) -> None:
    """What the built-in policy hands its proposals to."""
    team_model = apps.get_model("governance", "Team")
    team_model.objects.using(using).get_or_create(slug=DEFAULT_TEAM, defaults={"name": "Operations"})
