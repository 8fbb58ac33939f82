"""Views of the queue that people named for themselves: kept, renamed, put first, thrown away.

A preference of one's own page, so none of it has an event: nobody else sees it, and nothing is decided by it.
"""

from __future__ import annotations

from django.db import transaction
from django.http import QueryDict

from approvals.models import SavedView
from approvals.queue.filters import Filters
from audit.ground.refusals import Invalid
from governance.models import User

MOST = 20
LONGEST_NAME = 40
EVERYTHING = "?every=1"


@transaction.atomic
def save(name: str, *, filters: Filters, user: User, opens_first: bool = False) -> SavedView:
    """Keep these filters and this order under a name; a view of that name is replaced.

    Raises `Invalid` where the name is empty or too long, or this person has `MOST` already.
    """
    named = _named(name)
    _lock(user)
    found = SavedView.objects.filter(user=user, name__iexact=named).first()
    if found is None and SavedView.objects.filter(user=user).count() >= MOST:
        raise Invalid.field("/name", f"You have {MOST} views already; delete one first.")
    view = found or SavedView(user=user)
    view.name, view.query = named, filters.query() or EVERYTHING
    view.save()
    if opens_first:
        open_first(view, on=True)
    return view


@transaction.atomic
def rename(view: SavedView, name: str) -> None:
    """Raises `Invalid` where the name is empty, too long or another view's; `SavedView.DoesNotExist`."""
    named = _named(name)
    _lock(view.user)
    view.refresh_from_db(fields=["name"])
    if SavedView.objects.filter(user=view.user, name__iexact=named).exclude(pk=view.pk).exists():
        raise Invalid.field("/name", f"You have a view named “{named}” already.")
    view.name = named
    view.save(update_fields=["name"])


@transaction.atomic
def open_first(view: SavedView, *, on: bool) -> None:
    """Whether it is what opens where no filters are named; at most one is.

    Raises `SavedView.DoesNotExist`.
    """
    _lock(view.user)
    view.refresh_from_db(fields=["opens_first"])
    SavedView.objects.filter(user=view.user, opens_first=True).update(opens_first=False)
    view.opens_first = on
    view.save(update_fields=["opens_first"])


def filters_of(view: SavedView) -> Filters:
    return Filters.read(QueryDict(view.query.lstrip("?")).dict())  # type: ignore[arg-type]


def _named(name: str) -> str:
    named = " ".join(name.split())
    if not named or len(named) > LONGEST_NAME:
        raise Invalid.field("/name", f"Name the view, in at most {LONGEST_NAME} characters.")
    return named


def _lock(user: User) -> None:
    User.objects.select_for_update().get(pk=user.pk)
