"""The e-mail with a link for a new password."""

from __future__ import annotations

from django.conf import settings

from approvals.telling import carrier
from audit.ground.actors import WORKER
from audit.ground.ids import uuid7
from governance.door import links
from governance.models import User

_TITLE = "reviewapp: choose a new password"
_BODY = """\
Somebody, perhaps you, asked for a new password for the account {name}.

Choose one here within the hour; the link works once:
{address}

If it was not you, leave it: nothing has changed.
"""


class NotSent(Exception):
    """The mail server did not take it. The link that was made for it is void."""


def send(user_id: int) -> None:
    """Make a link and send it to the person's own address; nothing where there is no such person.

    Raises `NotSent`.
    """
    user = User.objects.filter(pk=user_id, is_active=True).exclude(email="").first()
    if user is None or not settings.EMAIL_URL:
        return
    token = links.make_for_mail(user, actor=WORKER)
    body = _BODY.format(name=user.username, address=links.address_of(token))
    try:
        carrier.carry(user.email, title=_TITLE, body=body, key=str(uuid7()))
    except carrier.NotCarried as error:
        links.void(token)
        raise NotSent(str(error)) from None
