"""Text of agents is data: whatever is in it, nothing runs, nothing is loaded, and it can be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from audit.actors import SYSTEM
from governance.action_types import register
from tests.browser.conftest import live
from tests.browser.hostile import PAYLOADS
from tests.conftest import suggestion_body

Visit = Callable[..., Any]
# What only our own templates put on the page, and so many of it.
FOREIGN = (
    "#main :is(img, iframe, object, embed, video, audio, style, link, base, meta, marquee, math, script)"
)
LINKS = "#main a[href^='http'], #main a[href^='javascript'], #main a[href^='//']"


def forms(text: str, seen: str) -> set[str]:
    """How it may be read: JSON writes quotes and control characters in its own visible way."""
    return {seen, as_json(seen), *(form for form in [as_json(text)] if form.isascii())}


def as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def anything(db: None) -> None:
    """An action that takes whatever it is given."""
    schema = {"type": "object", "properties": {"what": {"type": "string"}}}
    register({"name": "do_anything", "schema": schema, "template": "Do {what}"}, actor=SYSTEM)


def everywhere(text: str) -> dict[str, Any]:
    """A proposal with this text in every field that an agent can fill."""
    suggestion = suggestion_body(
        action="do_anything",
        arguments={"what": text, text: text, "deep": {"list": [text, {text: text}]}},
        before={"what": text},
        explanation=text,
        risk={"level": "high", "indicators": [{"code": text[:64], "detail": text}]},
    )
    return {
        "title": text[:200],
        "summary": text,
        "subject": {"type": text[:64], "id": text[:200]},
        "context": {
            "messages": [{"role": text, "content": text}, {"role": "tool", "content": [text]}],
            text: text,
        },
        "provenance": {"deployment": text[:200], "model": text[:200], "prompt_version": text[:200]},
        "suggestions": [suggestion],
    }


def what_got_through(page: Any) -> dict[str, Any]:
    return page.evaluate(
        """([foreign, links]) => ({
            ran: window.pwned ?? null,
            foreign: [...document.querySelectorAll(foreign)].map(e => e.outerHTML),
            links: [...document.querySelectorAll(links)].map(e => e.outerHTML),
            handlers: [...document.querySelectorAll('*')]
                .flatMap(e => [...e.attributes].map(a => a.name)).filter(n => n.startsWith('on')),
            wide: document.documentElement.scrollWidth > innerWidth,
        })""",
        [FOREIGN, LINKS],
    )


def read_in(page: Any, places: Sequence[str]) -> dict[str, str]:
    """What a person reads in these places, with everything unfolded."""
    return page.evaluate(
        """places => {
            document.querySelectorAll('#proposal details').forEach(fold => fold.open = true);
            return Object.fromEntries(places.map(p => [p, document.querySelector(p).innerText]));
        }""",
        places,
    )


# Where it stands: as it is, or within JSON.
PLACES = ("#proposal-title", ".says .agent-text", ".args", ".chat", "#fold-context", "#fold-raw")
NOTHING = {"ran": None, "foreign": [], "links": [], "handlers": [], "wide": False}


def test_hostile_text_is_read_and_does_nothing(
    visit: Visit, propose: Callable[..., Any], anything: None, ana: Any
) -> None:
    page = live(visit(ana))
    made = [(propose(**everywhere(text)), text, seen) for text, seen in PAYLOADS]
    page.locator(f"#proposal-{made[-1][0].pk}").wait_for(state="attached")  # pushed into the open page
    for proposal, text, seen in made:
        page.locator(f"#proposal-{proposal.pk} a").dispatch_event("click")
        page.locator(f'#proposal[data-id="{proposal.pk}"]').wait_for()
        for place, read in read_in(page, PLACES).items():
            assert any(one_line(form) in one_line(read) for form in forms(text, seen)), (place, text)
        assert what_got_through(page) == NOTHING, text
        assert "elsewhere.example" not in page.url


def test_hostile_text_in_whole_pages_does_nothing(
    visit: Visit, propose: Callable[..., Any], anything: None, ana: Any, dora: Any
) -> None:
    made = [propose(**everywhere(text)) for text, _ in PAYLOADS]
    page = visit(ana)
    assert what_got_through(page) == NOTHING
    for proposal in made[::12]:
        page.goto(f"/queue/{proposal.pk}/")
        assert what_got_through(page) == NOTHING
    page = visit(dora, "/audit/")
    assert what_got_through(page) == NOTHING
