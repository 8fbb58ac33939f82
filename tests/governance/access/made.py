"""Reviews of access as tests need them."""

from __future__ import annotations

from typing import Any

from governance.access import answer, begin, grants
from governance.models import AccessReview, ReviewedGrant
from tests.conftest import actor_of

FULLY = AccessReview.Meaning.LOOKED_THROUGH


def begun(by: Any) -> AccessReview:
    return begin.begin(by=by, actor=actor_of(by))


def of(holder: str, kind: str, target: str = "") -> ReviewedGrant:
    """The one grant under review of this holder and kind, and where there are several, this one."""
    found = ReviewedGrant.objects.filter(holder=holder, kind=kind)
    return found.get(target=target) if target else found.get()


def keep_all(by: Any) -> None:
    for pk in ReviewedGrant.objects.filter(answer="").order_by("pk").values_list("pk", flat=True):
        answer.keep(pk, by=by, actor=actor_of(by))


def names(**asked: Any) -> list[tuple[str, str, str]]:
    """Holder, kind and what of each grant that fits."""
    rows, _ = grants.page(grants.Filters(**asked))
    return [(row.holder, row.kind, row.what) for row in rows]
