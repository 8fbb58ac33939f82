"""What a workflow fills in: addresses (RFC 6570), and values by expressions in CEL (`"=args.amount"`).

Each of these checks is asked when a workflow is saved and raises `ValueError` in words for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import uritemplate
from pydantic import AfterValidator, Field

from audit.ground import egress
from governance.actions.credentials import OPENING, Path, unfinished_secret
from governance.expressions.cel import BadExpression, Expression
from governance.expressions.cel_tree import Node

KNOWN = ("args", "proposal", "execution", "steps", "look")
KNOWN_LATER = ("args", "proposal", "execution", "steps")  # of what undoes a step: it was shown so
KNOWN_AFTER = (*KNOWN, "response")
KNOWN_SIGNAL = (*KNOWN, "signal")
KNOWN_BEFORE = (*KNOWN, "decision")  # before anything is done
MOST_BODY = 16e6  # bytes that the answers of all expressions in one body may take

# The worker's own: a workflow that set them could lie about length, host or identity.
OUR_HEADERS = {
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
}


class Several(ValueError):
    """Mistakes within one value, each with its path in it; as text the first of them."""

    def __init__(self, found: Iterable[tuple[Path, str]]) -> None:
        self.found = list(found)
        super().__init__(self.found[0][1])


def address(url: str) -> str:
    """An address whose host is written out, built from values that can't leave it. Raises `ValueError`."""
    if OPENING in url:
        raise ValueError("a secret stands in headers, never in an address")
    template = uritemplate.URITemplate(url)
    for variable in template.variables:
        if variable.operator.value in ("+", "#"):
            raise ValueError(f"{{{variable.original}}} would put an argument into the address unescaped")
    start, _, _ = url.partition("{")
    if template.variables and start.count("/") < 3:
        raise ValueError("the host must be written out, not taken from the arguments")
    remains = url
    for variable in template.variables:
        remains = remains.replace("{" + variable.original + "}", "")
    if "{" in remains or "}" in remains:
        raise ValueError("has a brace without its other half")
    try:
        egress.read_url(template.expand(dict.fromkeys(template.variable_names, "x")))
    except egress.Refused as error:
        raise ValueError(str(error)) from error
    return url


def sendable(headers: dict[str, str]) -> dict[str, str]:
    """Headers that can be sent, none of them the worker's own. Raises `Several`."""
    told = [((name,), _unsendable(name, value)) for name, value in headers.items()]
    if found := [(path, problem) for path, problem in told if problem]:
        raise Several(found)
    return headers


def _unsendable(name: str, value: str) -> str:
    if name.lower() in OUR_HEADERS:
        return f"{name} is set by the worker"
    if not egress.is_header(name, value):
        return f"{name} is not a header that can be sent"
    return unfinished_secret(name, value)


def _condition(known: tuple[str, ...]) -> Any:
    def check(source: str) -> str:
        compiled(source, known)
        return source

    return Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(check)]


Before = _condition(KNOWN)  # whether to take a step at all
OfAnswer = _condition(KNOWN_AFTER)  # what an answer has to be
OfSignal = _condition(KNOWN_SIGNAL)  # what an outside event has to be
Premise = _condition(KNOWN_BEFORE)  # what has to be so before anything is done


def compiled(source: str, known: tuple[str, ...]) -> Expression:
    """The expression. Raises `ValueError` with line and column."""
    try:
        return Expression(source, known)
    except BadExpression as error:
        raise ValueError(str(error)) from error


def filled_in(value: Any) -> Any:
    """A body or the like, with every `"=<CEL>"` in it looked at. Raises `Several`."""
    if found := list(_wrong_in(value)):
        raise Several(found)
    return value


def _wrong_in(value: Any) -> Iterator[tuple[Path, str]]:
    size = 0.0
    for path, source in expressions(value):
        try:
            size += Expression(source, KNOWN).cost.memory
        except BadExpression as error:
            yield path, str(error)
        if size > MOST_BODY:
            told = f"with this one it can take more than {MOST_BODY / 1e6:.0f} MB; it says too much too often"
            yield path, told
            return


Url = Annotated[str, Field(min_length=8, max_length=2_000), AfterValidator(address)]
Headers = Annotated[dict[str, str], Field(max_length=20), AfterValidator(sendable)]
Values = Annotated[dict[str, Any], AfterValidator(filled_in)]


def expressions(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every expression in a value that is filled in, with its path."""
    if isinstance(value, str) and value.startswith("="):
        yield path, value[1:]
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from expressions(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from expressions(item, (*path, index))


def members_of(name: str, node: Node) -> Iterator[str]:
    """The members of one fact that an expression asks for: `refund` of `steps` in `steps.refund.json`."""
    if node.kind == "member" and node.parts[0].kind == "name" and node.parts[0].word == name:
        yield node.word
    if node.kind == "call" and node.word == "_[_]" and node.parts[0].word == name:
        yield node.parts[1].text or ""
    for part in node.parts:
        yield from members_of(name, part)
