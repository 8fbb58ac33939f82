"""Whatever is sent to whatever address, nobody gets a 5xx: every parameter and field there is, with nonsense.

What there is to send is read from the product itself: parameters and bodies of the API from its OpenAPI
document, addresses from the URLconf, fields and links of pages from the pages as they are drawn. A daily run
tries a third of the values at each place, other ones at the next; `make thorough` tries all of them at all.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from itertools import product
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from django.http import QueryDict
from django.urls import URLPattern

from tests import contract
from tests.database import taken_back
from tests.reviewapp.web.test_access import (
    API,
    CALLERS,
    PAGES,
    World,
    address,
    form,
    routes,
    settled,  # noqa: F401 - a fixture
    world,  # noqa: F401 - a fixture
)
from tests.searching import some

pytestmark = pytest.mark.timeout(400)
HUGE = "9" * 400
# The gate stops some, whichever field they stand in; the others are for the view to judge, field by field.
STOPPED = ["\0", "a\0b"]
TEXTS = ["1e400", "nan", "-1", "٣", HUGE, "99999999999", "", "x" * 5_000, "['\"<%"]
ALONE = ["nan", HUGE]  # on pages, which take their time to be drawn
FIELDS = ["nan", "9" * 4_300, ""]  # as many digits as Python reads, and longer than any text may be
STOPPED_ESCAPED = [*map(quote, STOPPED), "%ED%A0%80", "%FF", "%zz", "%"]
ESCAPED = [*map(quote, TEXTS)]
# As JSON writes them, in place of a value of any kind.
STOPPED_VALUES = [
    *('"\\u0000"', '"a\\u0000b"', '"\\ud800"', '["\\u0000"]', '{"\\u0000": 1}'),
    *("1e400", "-1e400", "1e308", HUGE, "NaN", "Infinity"),
]
VALUES = ['"1e400"', '"nan"', '""', f'"{"x" * 5_000}"', "-1", "9007199254740991", "null", "[]", '{"": null}']
ANYWHERE = [
    "before",
    "after",
    "cursor",
    "agent",
    "action",
    "q",
    "type",
    "status",
    "next",
    "page",
    "suggestion",
]
UNAVAILABLE = {"readyz"}  # says so itself: no worker runs in this test


class Found:
    """The answers that must not be, each with what it answered."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken: list[str] = []

    def note(self, said: str, response: Any) -> None:
        self.asked += 1
        b"".join(response) if response.streaming else response.content
        if response.status_code >= 500:
            self.broken.append(f"{response.status_code} {said[:160]!r}")


@pytest.fixture
def found(world: World) -> Iterator[Found]:  # noqa: F811
    seen = Found()
    yield seen
    assert not seen.broken, "\n".join(dict.fromkeys(seen.broken))
    assert seen.asked > 50


def callers(route: str, method: str) -> list[str]:
    """Those whose request goes furthest, each kind of them once."""
    row = dict(zip(CALLERS, API[route, method], strict=True))
    fine = [caller for caller in CALLERS if row[caller] < 300]
    people, agents = [c for c in fine if "agent" not in c][:1], [c for c in fine if "agent" in c][:1]
    return [*people, *agents] or ["olga"]


def send(world: World, caller: str, method: str, path: str, body: str = "", **headers: str) -> Any:  # noqa: F811
    shown = {"Authorization": f"Bearer {world.keys[caller]}", "Idempotency-Key": uuid.uuid4().hex, **headers}
    with taken_back():
        client = world.visitor("nobody")
        return client.generic(method, path, body, content_type="application/json", headers=shown)


# --- The API ----------------------------------------------------------------------------------------


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """What the OpenAPI document says of each line of the table."""
    document = contract.document()
    by_path = {
        path.replace("/api/v1/", "").replace("{", "<").replace("}", ">"): o
        for path, o in document["paths"].items()
    }
    found = {}
    for name, pattern in routes().items():
        if name.startswith("api:"):
            said = str(pattern.pattern)
            for kind in ("uuid:", "str:", "slug:", "digest:", "int:"):
                said = said.replace(f"<{kind}", "<")
            for method, operation in by_path[said].items():
                found[name, method.upper()] = {**operation, "components": document.get("components", {})}
    return found


def test_no_query_path_or_header_of_the_api_breaks_it(world: World, found: Found) -> None:  # noqa: F811
    described = operations()
    assert set(described) >= {row for row in API if row[0].startswith("api:")}
    for (route, method), operation in described.items():
        body = json.dumps(form(route, world)) if method != "GET" else ""
        asked = {p["name"]: p["in"] for p in operation.get("parameters", [])}
        names = [name for name, place in asked.items() if place == "query"]
        for caller in callers(route, method):
            path = address(route, world)
            asked_for = [(name, value) for name in names for value in ESCAPED]
            stopped = [((names or ["unknown"])[0], value) for value in STOPPED_ESCAPED]
            for name, value in [*asked_for, *stopped]:
                said = f"{path.partition('?')[0]}?{_kept(path, name)}{name}={value}"
                found.note(f"{method} {said}", send(world, caller, method, said, body))
            for name in (name for name, place in asked.items() if place == "header"):
                for value in [*STOPPED, *TEXTS]:
                    said = value.encode().decode("latin-1")
                    found.note(
                        f"{method} {path} {name}: {said}",
                        send(world, caller, method, path, body, **{name: said}),
                    )


def _kept(path: str, name: str) -> str:
    """The other parameters that the address has anyway."""
    rest = [(n, v) for n, v in parse_qsl(urlsplit(path).query) if n != name]
    return "".join(f"{n}={v}&" for n, v in rest)


@pytest.mark.thorough
def test_no_body_of_the_api_breaks_it(world: World, found: Found) -> None:  # noqa: F811
    for nth, ((route, method), operation) in enumerate(operations().items()):
        if method == "GET":
            continue
        whole = form(route, world)
        path, [caller, *_] = address(route, world), callers(route, method)
        for value in [*STOPPED_VALUES, *VALUES]:
            found.note(f"{method} {path} {value}", send(world, caller, method, path, value))
        for index, place in enumerate(places(whole, members(operation))):
            for value in [*some(VALUES, nth + index), *([] if index else STOPPED_VALUES)]:
                said = with_value(whole, place, value)
                found.note(f"{method} {path} {place}={value}", send(world, caller, method, path, said))


def members(operation: dict[str, Any]) -> list[str]:
    """The names that the document gives the members of the body."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    if reference := schema.get("$ref"):
        schema = operation["components"]["schemas"][reference.rpartition("/")[2]]
    return list(schema.get("properties", {}))


def places(whole: Any, names: list[str]) -> list[tuple[Any, ...]]:
    """Every place in a body, and at its top also those that only the document knows."""

    def walk(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for name, item in items:
            yield (*place, name)
            yield from walk(item, (*place, name))

    inside = [place for place in walk(whole, ()) if len(place) < 7]
    return list(dict.fromkeys([*inside, *((name,) for name in names)])) if isinstance(whole, dict) else inside


def with_value(whole: Any, place: tuple[Any, ...], value: str) -> str:
    """The body as text with other text at one place; no reader of JSON could have made some of it."""
    mark = uuid.uuid4().hex
    copy = json.loads(json.dumps(whole, default=str))
    inside = copy
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = mark
    return json.dumps(copy).replace(f'"{mark}"', value)


PROVENANCE = [
    "latency_ms",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "deployment",
    "model",
    "prompt_version",
]


def test_no_item_of_a_batch_takes_the_others_with_it(world: World, found: Found) -> None:  # noqa: F811
    good = form("api:batch", world)["proposals"][0]
    for name in PROVENANCE:
        for value in ['"1e400"', '"inf"', '"nan"', '"-1"', "-1", "true", "[]", *STOPPED_VALUES[5:7]]:
            bad = {**good, "idempotency_key": "bad", "provenance": {name: 1}}
            said = with_value({"proposals": [good, bad]}, ("proposals", 1, "provenance", name), value)
            response = send(world, "agent", "POST", "/api/v1/proposals/batch/?atomic=false", said)
            found.note(f"batch {name}={value}", response)
            if response.status_code == 200:  # the body could be read, and one of them not be taken
                assert [r["accepted"] for r in response.json()["results"]] == [True, False], (name, value)
            if name == "cost_usd" and value == '"1e400"':
                assert response.status_code == 200


# --- Pages ------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What can be sent from a page: to which address, by which method, under which names."""

    def __init__(self, html: str, at: str) -> None:
        super().__init__()
        self.at = at
        self.sends: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._form: tuple[str, str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = said.get("action") or said.get("hx-post") or self.at
            posts = "hx-post" in said or said.get("method", "get").lower() == "post"
            self._form = ("POST" if posts else "GET", self._path(action))
            self.sends[self._form]
        elif self._form and said.get("name"):
            self.sends[self._form].add(said["name"])
        for name in ("href", "hx-get", "formaction", "hx-post"):
            if (target := said.get(name)) and not target.startswith(("http", "#", "/static")):
                method = "POST" if name in ("hx-post", "formaction") else "GET"
                self.sends[method, self._path(target)] |= {n for n, _ in parse_qsl(urlsplit(target).query)}
        if said.get("hx-vals"):
            self.sends["POST", self._path(said.get("hx-post", self.at))] |= set(_members(said["hx-vals"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def _path(self, target: str) -> str:
        return urlsplit(target).path or self.at


def _members(text: str) -> list[str]:
    try:
        return list(json.loads(text))
    except ValueError:
        return []


def pages(world: World) -> Iterator[tuple[str, URLPattern, str, str]]:  # noqa: F811
    """Each address that is no call of the API: route, pattern, path, and methods of the table."""
    for route, pattern in routes().items():
        if not route.startswith("api:") and route not in UNAVAILABLE:
            yield route, pattern, address(route, world), "".join(m for r, m in PAGES if r == route)


def people_for(route: str, method: str) -> list[str]:
    """Somebody who gets further than the door: olga, if she does."""
    line = PAGES.get((route, method)) or PAGES.get((route, "GET"), (0,) * 5)
    row = dict(zip(CALLERS[1:5], line[1:], strict=True))
    fine = [person for person, status in row.items() if status in (200, 302, 303, 409, 422)]
    return ["olga"] if "olga" in fine else fine[:1] or ["olga"]


@pytest.fixture(scope="module")
def drawn(settled: World, django_db_blocker: Any) -> dict[tuple[str, str], set[str]]:  # noqa: F811
    """The names that the pages send, by method and path, as olga and ana see them."""
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    with django_db_blocker.unblock():
        for person in ("olga", "ana"):
            for _route, _pattern, path, _ in pages(settled):
                with taken_back():
                    response = settled.visitor(person).get(path)
                if response.status_code == 200 and response["Content-Type"].startswith("text/html"):
                    for key, found in Page(response.content.decode(), path.partition("?")[0]).sends.items():
                        names[key] |= found
    return names


@pytest.mark.thorough
def test_no_query_of_a_page_breaks_it(
    world: World,  # noqa: F811
    found: Found,
    drawn: dict[tuple[str, str], set[str]],
) -> None:
    client_of = {person: world.visitor(person) for person in world.people}
    for nth, (route, _pattern, path, _methods) in enumerate(pages(world)):
        bare = path.partition("?")[0]
        names = drawn["GET", bare]
        for person in people_for(route, "GET"):

            def ask(query: str, person: str = person, bare: str = bare) -> bool:
                """Did anybody look at the query?"""
                with taken_back():
                    response = client_of[person].get(f"{bare}?{query}")
                    found.note(f"{person} {bare}?{query}", response)
                return "GET" in vars(response.wsgi_request)

            together = ["&".join(f"{name}={value}" for name in [*ANYWHERE, *names]) for value in ESCAPED]
            for value in STOPPED_ESCAPED:
                ask(f"{ANYWHERE[0]}={value}")
            if not ask(together[0]):
                continue  # so nothing else that it may say makes a difference
            for query in some(together[1:], nth):
                ask(query)
            for name, value in product(names, ALONE):
                ask(f"{_kept(path, name)}{name}={value}")


class Noting(QueryDict):
    """A form that is sent: notes which fields were looked for, in it or in vain."""

    asked: ClassVar[dict[str, None]] = {}

    def __getitem__(self, name: str) -> Any:
        self.asked[name] = None
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.asked[str(name)] = None
        return super().__contains__(name)

    def getlist(self, name: str, default: Any = None) -> Any:
        self.asked[name] = None
        return super().getlist(name, default)


def test_no_field_of_a_page_breaks_it(
    world: World,  # noqa: F811
    found: Found,
    drawn: dict[tuple[str, str], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("django.http.request.QueryDict", Noting)
    for route, _pattern, path, methods in pages(world):
        if "POST" not in methods and ("POST", path) not in drawn:
            continue
        usual = {name: str(value) for name, value in dict(form(route, world) or {}).items()}
        for person in people_for(route, "POST"):

            def send_form(
                name: str, value: str, person: str = person, path: str = path, usual: dict[str, str] = usual
            ) -> None:
                said = {**usual, name: value.encode("utf-8", "surrogatepass")}
                body = "&".join(f"{quote(n)}={quote(v)}" for n, v in said.items())
                with taken_back():
                    response = world.visitor(person).post(
                        path, body, content_type="application/x-www-form-urlencoded"
                    )
                    found.note(f"{person} POST {path} {name}={value!r}", response)

            for value in [*STOPPED, "\ud800"]:
                send_form("unknown", value)
            Noting.asked.clear()
            send_form("unknown", "")
            for name, value in product(one_of_a_kind(Noting.asked), FIELDS):
                send_form(name, value)


def one_of_a_kind(names: Iterable[str]) -> list[str]:
    """Without what looks like one before: `budget-1-most` after `budget-0-most`, for example."""
    kinds: dict[str, str] = {}
    for name in names:
        kinds.setdefault(re.sub(r"-\d+$", "", name).rpartition("-")[2], name)
    kinds.pop("unknown")
    return list(kinds.values())


# --- Addresses, cookies, headers ------------------------------------------------------------------------


@pytest.mark.thorough
def test_no_path_breaks_anything(world: World, found: Found) -> None:  # noqa: F811
    olga = world.visitor("olga")
    for nth, (route, pattern) in enumerate(routes().items()):
        for name in pattern.pattern.converters:
            path = address(route, world).partition("?")[0]
            about = {**world.ids, **world.only.get(route, {})}
            asked = {m for r, m in {**PAGES, **API} if r == route}
            for value in some([*ESCAPED, *STOPPED_ESCAPED], nth):
                said = path.replace(f"/{about[name]}", f"/{value}")
                for method in sorted(asked):
                    if route.startswith("api:"):
                        found.note(f"{method} {said}", send(world, "olga", method, said, "{}"))
                    else:
                        with taken_back():
                            found.note(f"{method} {said}", olga.generic(method, said))


HEADERS = [
    {"Cookie": 'reviewapp_session="aaaaaaaaaaaaaaa\\000"'},
    {"Cookie": 'reviewapp_csrf="\\000"; reviewapp_session="\\ud800"'},
    {"Cookie": "reviewapp_session=" + "x" * 10_000},
    {"Content-Type": "text/plain; charset=rot13"},
    {"Content-Type": "text/plain; charset=raw_unicode_escape"},
    {"Content-Type": "multipart/form-data; boundary=x; charset=utf-16"},
    {"Content-Type": "multipart/form-data; boundary=\xe9"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": "text/plain; charset*=bogus''x"},
    {"Content-Type": "application/x-www-form-urlencoded; charset=base64"},
    {"Content-Type": '; charset="' + "x" * 20_000},
    {"HX-Current-URL": "http://["},
    {"HX-Current-URL": "%00", "HX-Current-URL-URI-AutoEncoded": "true"},
    {"HX-Request": "true", "HX-Trigger": "\xff", "HX-Target": "\0"},
    {"Referer": "http://[", "Origin": "http://["},
    {"Referer": "\xff\xfe", "Origin": "null"},
    {"Authorization": "Bearer \xff\xfe"},
    {"Authorization": "Bearer rt_\xe9" + "x" * 20_000},
    {"Authorization": "\xff"},
    {"Accept": "\xff;q=nan", "Accept-Language": "-;q=inf", "Accept-Encoding": "\xff;q=nan"},
    {"If-None-Match": 'W/"\xff', "If-Modified-Since": "nan", "Range": "bytes=-inf"},
    {"X-Request-ID": "\xff", "traceparent": "00-\xff"},
    {"Content-Length": "nan"},
    {"Host": "[::"},
    {"Host": "\xff"},
    {"X-Forwarded-For": "\xff, 1e400", "Forwarded": 'for="[', "X-Real-IP": "nan"},
    {"Transfer-Encoding": "gzip, chunked"},
    {"Cookie": "a=" + "y" * 60_000},
]


def test_no_header_breaks_anything(world: World, found: Found) -> None:  # noqa: F811
    paths = [
        "/",
        "/queue/",
        "/api/v1/proposals/",
        "/accounts/login/",
        "/metrics",
        "/healthz",
        "/api/schema/",
        "/nothing",
    ]
    ana = world.visitor("ana")
    for headers in HEADERS:
        for path in paths:
            for method in ("GET", "POST"):
                client = world.visitor("nobody") if "Cookie" in headers else ana
                environ = {_in_environ(name): value for name, value in headers.items()}
                with taken_back():
                    found.note(f"{method} {path} {headers}", client.generic(method, path, b"x=1", **environ))


def _in_environ(name: str) -> str:
    bare = name.upper().replace("-", "_")
    return bare if bare.startswith("CONTENT_") else f"HTTP_{bare}"
