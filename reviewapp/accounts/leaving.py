"""What can end somebody's session or take a permission away is told to open pages and waiting requests.

They would find out by themselves a few seconds later; a change that is made past Django's models is found so.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import m2m_changed, post_save
from django.dispatch import receiver

from audit.ground.announce import announce_access
from governance.models import AgentKey, ApiToken, User


def _tell() -> None:
    transaction.on_commit(announce_access, robust=True)


@receiver(user_logged_out)
def _left(**_: Any) -> None:
    _tell()


@receiver(post_save, sender=User)
@receiver(post_save, sender=AgentKey)
@receiver(post_save, sender=ApiToken)
def _changed(created: bool, update_fields: Any, **_: Any) -> None:
    if not created and set(update_fields or ()) != {"last_login"}:
        _tell()


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=User.teams.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def _roles_changed(action: str, **_: Any) -> None:
    if action.startswith("post_"):
        _tell()
