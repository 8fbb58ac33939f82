"""What a policy's rules may look at: every fact's name, type and meaning, written once.

`suggestions.intake.facts.facts_of` yields exactly these, `check` holds rules against them, and the pages and
docs/policies.md list them. To add a fact, add it here and there; a group's members are selected with a
dot (`agent.name`), and what has the type `ANYTHING` is looked into only when a rule is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from cel_expr_python import cel

from governance.expressions import past
from governance.expressions.cel import (
    LONGEST,
    BadExpression,
    Expression,
    NoAnswer,
    Problem,
    TooCostly,
    problems_of,
)
from governance.expressions.functions import FUNCTIONS

ANYTHING, TEXT, WHOLE, NUMBER, YES_NO, TIME = (
    cel.Type.DYN,
    cel.Type.STRING,
    cel.Type.INT,
    cel.Type.DOUBLE,
    cel.Type.BOOL,
    cel.Type.TIMESTAMP,
)
TEXTS = cel.Type.List(TEXT)
GROUP = cel.Type.Map(TEXT, ANYTHING)


@dataclass(frozen=True)
class Fact:
    type: cel.Type
    says: str


FACTS: dict[str, Fact | dict[str, Fact]] = {
    "proposal": {
        "title": Fact(TEXT, "its title"),
        "summary": Fact(TEXT, "its summary"),
        "context": Fact(ANYTHING, "the free JSON that came with it"),
    },
    "suggestion": {
        "rank": Fact(WHOLE, "1 for what the agent prefers"),
        "confidence": Fact(NUMBER, "what the agent claims, 0 when not stated"),
        "success_probability": Fact(NUMBER, "what the agent claims, 0 when not stated"),
        "explanation": Fact(TEXT, "why, in the agent's words"),
    },
    "action": {
        "name": Fact(TEXT, "the action type"),
        "version": Fact(WHOLE, "its version"),
        "reversibility": Fact(TEXT, "read_only, reversible, externally_reversible or irreversible"),
        "data_classes": Fact(TEXTS, "the classes of data it touches with these arguments"),
        "readOnlyHint": Fact(YES_NO, "it changes nothing"),
        "destructiveHint": Fact(YES_NO, "it may destroy"),
        "idempotentHint": Fact(YES_NO, "doing it twice is doing it once"),
        "openWorldHint": Fact(YES_NO, "it reaches beyond our systems"),
    },
    "args": Fact(ANYTHING, "the arguments, as the action type's schema has them"),
    "look": {
        "known": Fact(YES_NO, "the service was asked what is there now, and answered"),
        "status": Fact(WHOLE, "the HTTP status of its answer, 0 without one"),
        "json": Fact(ANYTHING, "the JSON of its answer"),
        "text": Fact(TEXT, "the start of an answer that is no JSON"),
        "at": Fact(TEXT, "when it answered"),
    },
    "risk": {
        "level": Fact(TEXT, "low, medium, high or critical: the higher of claim and hazard"),
        "claimed": Fact(TEXT, "what the agent claims, empty when not stated"),
        "indicators": Fact(TEXTS, "the codes of the agent's risk indicators"),
    },
    "agent": {
        "name": Fact(TEXT, "who proposes"),
        "stage": Fact(WHOLE, "1 to 4, for this action"),
    },
    "subject": {
        "type": Fact(TEXT, "customer, order, …; empty when not stated"),
        "id": Fact(TEXT, "whom or what it is about"),
    },
    "deployment": {
        "label": Fact(TEXT, "what the proposal says produced it"),
        "registered": Fact(YES_NO, "it is the agent's active deployment"),
    },
    "history": {
        "agent": Fact(GROUP, "what this agent proposed before: ask `count`, `sum`, `max` or `seen`"),
        "subject": Fact(GROUP, "what was proposed about the same subject, by any agent"),
    },
    "user_text": Fact(TEXT, "what the user said, a line for each message"),
    "agreed_text": Fact(TEXT, "what the agent asked and the user then plainly agreed to, else empty"),
    "tool_text": Fact(TEXT, "what tools returned, a line for each message"),
    "now": Fact(TIME, "when it was proposed"),
}

# The fact `look` where nobody looked, or no answer came.
NO_LOOK: dict[str, object] = {"known": False, "status": 0, "json": None, "text": "", "at": ""}

_TOKEN = re.compile(
    r"""//[^\n]*
      | (?:[rR][bB]?|[bB][rR])(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*')
      | [bB]?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<word>[A-Za-z_]\w*) | \d[\w.]* | (?P<sign>\S)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBERS_COMPARED = re.compile(
    r"found no matching overload for '_(?:==|!=|<|<=|>|>=)_' "
    r"applied to '\((?:int|uint|double), (?:int|uint|double)\)'"
)


def check(source: str) -> list[Problem]:
    """What is wrong with a rule's `when`: words that don't exist, types that don't go together."""
    return list(_checked(source))


@lru_cache(maxsize=512)  # one text may stand in many rules, by an alias
def _checked(source: str) -> tuple[Problem, ...]:
    return tuple(_problems(source))


def _problems(source: str) -> list[Problem]:
    if len(source) > LONGEST:
        return [Problem(1, 1, f"an expression has at most {LONGEST:,} characters")]
    members = _members()
    found = problems_of(_without_has(source, members), _typed())
    if any(problem.text.startswith("Syntax error") for problem in found):
        return [_told(problem, source) for problem in found]
    unknown = list(_unknown_members(source, members))
    kept = [_told(problem, source) for problem in found if _counts(problem)]
    wrong = sorted({*unknown, *kept}) or _of_the_answer(source, members)
    return wrong or list(_too_costly(source)) or list(_never_answered(source))


def _too_costly(source: str) -> Iterator[Problem]:
    """What could take too long or too much memory with the largest facts there can be."""
    try:
        Expression(source, tuple(FACTS), FUNCTIONS)
    except TooCostly as error:
        yield error.problem
    except BadExpression as error:
        yield Problem(1, 1, str(error))


@lru_cache(maxsize=1)
def _members() -> dict[str, frozenset[str]]:
    return {name: frozenset(fact) for name, fact in FACTS.items() if isinstance(fact, dict)}


@lru_cache(maxsize=1)
def _typed() -> cel.Env:
    # A dotted name is looked up as a whole first: that gives the members of a group their own types.
    types: dict[str, cel.Type] = {}
    for name, fact in FACTS.items():
        if isinstance(fact, Fact):
            types[name] = fact.type
        else:
            types[name] = GROUP
            types |= {f"{name}.{member}": known.type for member, known in fact.items()}
    others = [function for function in FUNCTIONS if function not in past.FUNCTIONS]
    return cel.NewEnv(variables=types, functions=[*others, *past.TYPED])


def _counts(problem: Problem) -> bool:
    # The runtime compares whole numbers with others as anybody would; only its checker minds.
    return not _NUMBERS_COMPARED.fullmatch(problem.text)


def _of_the_answer(source: str, members: dict[str, frozenset[str]]) -> list[Problem]:
    try:
        answer = _typed().compile(_without_has(source, members)).return_type().name()
    except RuntimeError:  # numbers of two kinds are compared, which gives true or false
        return []
    if answer in ("BOOL", "DYN"):
        return []
    return [Problem(1, 1, f"the answer has to be true or false, and this is of type {answer.lower()}")]


# --- Questions about the past ------------------------------------------------------------------------


class _Anything:
    """Answers whatever can be asked."""

    def ask(self, question: past.Question) -> int:
        return 0


def _never_answered(source: str) -> Iterator[Problem]:
    """Questions that are wrong whatever the facts: a window that is none, a status that there is not."""
    for start, call in _questions(source):
        try:
            with past.answering(_Anything()):
                Expression(call, ("history",), FUNCTIONS).evaluate({"history": past.FACT})
        except BadExpression:
            continue  # it names other facts: what it asks is only known then
        except NoAnswer as error:
            yield Problem(*_place(source, start), str(error))


def _questions(source: str) -> Iterator[tuple[int, str]]:
    """Each `history.agent.count(…)`, and where it begins."""
    tokens = list(_TOKEN.finditer(source))
    for at, token in enumerate(tokens):
        if token["word"] != "history" or (at and tokens[at - 1]["sign"] == "."):
            continue
        depth = 0
        for later in tokens[at:]:
            depth += {"(": 1, ")": -1}.get(later["sign"] or "", 0)
            if later["sign"] == ")" and depth == 0:
                yield token.start(), source[token.start() : later.end()]
            if later["sign"] == ")" and depth <= 0:
                break


def _place(source: str, at: int) -> tuple[int, int]:
    return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)


# --- Words ------------------------------------------------------------------------------------------


def _tokens(source: str) -> list[re.Match[str]]:
    return [token for token in _TOKEN.finditer(source) if token["word"] or token["sign"]]


def _selections(source: str) -> Iterator[tuple[list[re.Match[str]], int]]:
    """Where a member of a group is selected: the tokens, and the place of the group's name among them."""
    members, tokens = _members(), _tokens(source)
    for at in range(len(tokens) - 2):
        group, dot, member = tokens[at : at + 3]
        is_selected = group["word"] in members and dot["sign"] == "." and member["word"]
        if is_selected and not (at and tokens[at - 1]["sign"] == "."):
            yield tokens, at


def _unknown_members(source: str, members: dict[str, frozenset[str]]) -> Iterator[Problem]:
    for tokens, at in _selections(source):
        group, member = tokens[at]["word"], tokens[at + 2]["word"]
        if member not in members[group]:
            instead = _meant(member, members[group]) or f"; it has {', '.join(sorted(members[group]))}"
            yield Problem(*_place(source, tokens[at].start()), f"{group} has no {member}{instead}")


def _without_has(source: str, members: dict[str, frozenset[str]]) -> str:
    """The same with `has(agent.name)` as `true`: what is listed is always there."""
    for tokens, at in _selections(source):
        if at < 2 or tokens[at - 2]["word"] != "has" or at + 3 >= len(tokens):
            continue
        opened, closed, group, member = (
            tokens[at - 1],
            tokens[at + 3],
            tokens[at]["word"],
            tokens[at + 2]["word"],
        )
        if opened["sign"] == "(" and closed["sign"] == ")" and member in members[group]:
            start, end = tokens[at - 2].start(), closed.end()
            blank = re.sub(r"[^\n]", " ", source[start + 4 : end])
            source = f"{source[:start]}true{blank}{source[end:]}"
    return source


def _meant(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


# --- What the runtime says, in words ----------------------------------------------------------------

_KINDS = {
    "string": "text",
    "int": "a whole number",
    "uint": "a whole number",
    "double": "a number",
    "bool": "true or false",
    "dyn": "anything",
    "null": "null",
    "list(string)": "a list of texts",
    "google.protobuf.Timestamp": "a time",
    "google.protobuf.Duration": "a span of time",
    "map(string, dyn)": "a group of facts",
}


_MEANT = {"=": "==", "and": "&&", "or": "||", "not": "!"}


def _told(problem: Problem, source: str) -> Problem:
    text, column = problem.text, problem.column
    if found := re.match(r"undeclared reference to '\.?(\w+)", text):
        word = found[1]
        # The runtime points at what follows the word: a dot, a parenthesis.
        column = source.split("\n")[problem.line - 1].rfind(word, 0, column + len(word)) + 1 or column
        return Problem(
            problem.line, column, f"there is no {word} here{_meant(word, [*FACTS, *_functions()])}"
        )
    return Problem(problem.line, column, in_words(text))


def in_words(text: str) -> str:
    """What the runtime says of a mistake, as people say it."""
    if found := re.match(r"found no matching overload for '([^']*)' applied to '\((.*)\)'", text):
        return _not_together(found[1], _split(found[2]))
    if found := re.match(r"Syntax error: missing '(.*?)' at", text):
        return f"a {found[1]} is missing"
    if "input '<EOF>'" in text:
        return "something is missing at the end"
    if found := re.match(r"Syntax error: .*? (?:input|at:?) '(.*?)'(?: expecting.*)?$", text, re.DOTALL):
        word = found[1].strip()
        if word[:1] in ("'", '"'):
            return "this text does not end"
        return f"{word} does not belong here" + (f"; write {_MEANT[word]}" if word in _MEANT else "")
    return text.removeprefix("Syntax error: ")


def _not_together(function: str, kinds: list[str]) -> str:
    words = [_KINDS.get(kind, kind) for kind in kinds]
    if function == "_?_:_":
        return f"? : takes true or false and two of the same kind, not {', '.join(words)}"
    if function.strip("_").isidentifier():
        return f"{function} does not take {', '.join(words) or 'nothing'}"
    sign = function.strip("_@")
    return f"{sign} does not go with {' and '.join(words)}"


def _split(kinds: str) -> list[str]:
    """At the commas that stand outside of parentheses."""
    found, depth = [""], 0
    for character in kinds:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [kind.strip() for kind in found if kind.strip()]


@lru_cache(maxsize=1)
def _functions() -> list[str]:
    return re.findall(
        r'^  - name: "?(\w+)', cel.NewEnv(functions=list(FUNCTIONS)).config().to_yaml(), re.MULTILINE
    )
