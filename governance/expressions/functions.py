"""The functions a policy may call: few, pure, bounded by `effort`; docs/policies.md tells of each.

What each may answer at most is known to `cel_cost`: who adds one here adds it there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cel_expr_python import cel

from governance.expressions import past
from governance.expressions.carried import adds, has_hidden, has_secret
from governance.expressions.mentions import domain, host, mentions, numbers, pages, quotes, unmentioned, when
from governance.expressions.requests import about, asks, repeats

_TEXT, _LIST, _MAP = cel.Type.STRING, cel.Type.List(cel.Type.DYN), cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_VALUES = (_TEXT, cel.Type.INT, cel.Type.DOUBLE, _LIST)


def _function(implementation: Callable[..., Any], returns: Any, *forms: Sequence[Any]) -> cel.FunctionDecl:
    name = implementation.__name__
    return cel.FunctionDecl(
        name,
        [
            cel.Overload(f"{name}_{number}", return_type=returns, parameters=list(form), impl=implementation)
            for number, form in enumerate(forms)
        ],
    )


FUNCTIONS = (
    _function(mentions, cel.Type.BOOL, *((_TEXT, value) for value in _VALUES)),
    _function(unmentioned, cel.Type.List(_TEXT), (_TEXT, _MAP)),
    _function(quotes, cel.Type.BOOL, (_TEXT, _TEXT)),
    _function(about, _TEXT, *((_TEXT, value) for value in _VALUES)),
    _function(asks, cel.Type.BOOL, (_TEXT, _LIST)),
    _function(repeats, cel.Type.BOOL, (_TEXT, _TEXT)),
    _function(adds, cel.Type.List(_TEXT), (_TEXT, _TEXT)),
    _function(numbers, cel.Type.List(cel.Type.DOUBLE), (_TEXT,)),
    _function(when, cel.Type.TIMESTAMP, (_TEXT,)),
    _function(pages, cel.Type.List(_TEXT), (_TEXT,)),
    _function(host, _TEXT, (_TEXT,)),
    _function(domain, _TEXT, (_TEXT,)),
    _function(has_secret, cel.Type.BOOL, (_TEXT,), (_LIST,), (_MAP,)),
    _function(has_hidden, cel.Type.BOOL, (_TEXT,), (_LIST,), (_MAP,)),
    *past.FUNCTIONS,
)
