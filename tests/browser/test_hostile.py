"""Text of agents is data: whatever is in it, nothing runs, nothing is loaded, and it can be read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from approvals.deciding import decide
from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.showing.values import escaped
from tests.browser.desk import live
from tests.browser.hostile import HONEST, PAYLOADS
from tests.conftest import actor_of, suggestion_body

Visit = Callable[..., Any]
# What only our own templates put on the page, and so many of it.
FOREIGN = (
    "#main :is(img, iframe, object, embed, video, audio, style, link, base, meta, marquee, math, script)"
)
LINKS = "#main a[href^='http'], #main a[href^='javascript'], #main a[href^='//']"


def forms(text: str, seen: str) -> set[str]:
    """How it may be read: JSON and sentences write quotes and line ends each in their own visible way."""
    return {seen, as_json(seen), escaped(seen), *(form for form in [as_json(text)] if form.isascii())}


def as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def one_line(text: str) -> str:
    return " ".join(text.split())


def takes(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


ANYTHING = {"name": "do_anything", "schema": takes("what"), "template": "Do {what}"}
SEVERAL = {"name": "do_several", "schema": takes("t0", "t1", "t2"), "template": "Do {t0}, {t1} and {t2}"}


@pytest.fixture
def anything(db: None) -> None:
    """An action that takes whatever it is given."""
    register(ANYTHING, actor=SYSTEM)


def everywhere(*texts: str) -> dict[str, Any]:
    """A proposal with these texts in every field that an agent can fill; where one has room, the first."""
    text, together = texts[0], "\n".join(texts)
    suggestion = suggestion_body(
        action="do_anything",
        arguments={"what": text}
        | {name: value for each in texts for name, value in [(each, each)]}
        | {"deep": {"list": [*texts, *({each: each} for each in texts)]}},
        before={"what": text},
        explanation=together,
        risk={"level": "high", "indicators": [{"code": each[:64], "detail": each} for each in texts]},
    )
    return {
        "title": text[:200],
        "summary": together,
        "subject": {"type": text[:64], "id": text[:200]},
        "context": {
            "messages": [
                *({"role": each, "content": each} for each in texts),
                {"role": "tool", "content": list(texts)},
            ],
            **{each: each for each in texts},
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
SAYS = (".says-title", ".says div.agent-text")
PLACES = (*SAYS, "#proposal-title", ".args", ".chat", "#fold-context", "#fold-raw")
NOTHING = {"ran": None, "foreign": [], "links": [], "handlers": [], "wide": False}
# Which of them hold one text, and which hold all that are in the proposal.
ONE_EACH = (".says-title", "#proposal-title")
# Of the corpus in one proposal: what is read of it has room for eight times the longest.
TOGETHER = 1 if os.environ.get("THOROUGH") == "1" else 7
AT_ONCE = 51 * TOGETHER  # in one test; 50 rows are on a page
MANY = 60  # of it in one proposal: three suggestions of twenty indicators
IN_A_SENTENCE = 3  # of it, so that there is room for the beginning of each
SHORT = 55  # characters of an argument that a sentence has room for


def is_read(text: str, seen: str, read: str) -> bool:
    return any(one_line(form) in one_line(read) for form in forms(text, seen))


@pytest.mark.thorough
@pytest.mark.parametrize("part", [PAYLOADS[n : n + AT_ONCE] for n in range(0, len(PAYLOADS), AT_ONCE)])
def test_hostile_text_is_read_and_does_nothing(
    part: Any, visit: Visit, propose: Callable[..., Any], anything: None, ana: Any
) -> None:
    page = live(visit(ana))
    some = [part[n : n + TOGETHER] for n in range(0, len(part), TOGETHER)]
    made = [(propose(**everywhere(*(text for text, _ in texts))), texts) for texts in some]
    page.locator(f"#proposal-{made[-1][0].pk}").wait_for(state="attached")  # pushed into the open page
    for proposal, texts in made:
        page.locator(f"#proposal-{proposal.pk} a").dispatch_event("click")
        page.locator(f'#proposal[data-id="{proposal.pk}"]').wait_for()
        for place, read in read_in(page, PLACES).items():
            # A heading has room for the beginning and the end of a long value.
            most = SHORT if place == "#proposal-title" else None
            for text, seen in texts[: 1 if place in ONE_EACH else None]:
                assert is_read(text[:most], seen[:most], read), (place, text)
        assert what_got_through(page) == NOTHING, texts
        assert "elsewhere.example" not in page.url


def test_honest_text_has_no_mark(visit: Visit, propose: Callable[..., Any], anything: None, ana: Any) -> None:
    page = visit(ana)
    for text in HONEST:
        page.goto(f"/queue/{propose(**everywhere(text)).pk}/")
        assert page.locator("#proposal .mark-hidden").count() == 0, text


def test_lists_of_hostile_sentences_do_nothing(
    visit: Visit, propose: Callable[..., Any], anything: None, ana: Any, ben: Any, dora: Any
) -> None:
    register(SEVERAL, actor=SYSTEM)
    some = [
        [text for text, _ in PAYLOADS[n : n + IN_A_SENTENCE]] for n in range(0, len(PAYLOADS), IN_A_SENTENCE)
    ]
    made = [propose(**several(texts)) for texts in some]
    page = visit(ana)
    seen = ""
    for _ in range(len(made) // 50 + 1):
        seen += "\n".join(harmless(page).locator("#rows .row-sentence").all_text_contents())
        more = page.locator(".list-more a")
        if more.count():
            page.goto(more.get_attribute("href"))
    unread = [text for text, mark in PAYLOADS if not is_read(text[:SHORT], mark[:SHORT], seen)]
    assert unread == []
    for n in range(0, len(made), 100):
        harmless(page, "/queue/bulk/?" + "&".join(f"id={proposal.pk}" for proposal in made[n : n + 100]))

    for n, (proposal, texts) in enumerate(zip(made, some, strict=True)):
        end(proposal, by=ben if n % 2 else ana, approve=n % 3 == 0, reason="\n".join(texts))
    for address in (
        "/queue/history/",
        "/executions/",
        "/queue/check/",
        "/queue/notices/",
        "/governance/standing/",
    ):
        harmless(page, address)
        while (more := page.locator("main .pager a", has_text="Older")).count():
            harmless(page, more.get_attribute("href"))
    harmless(visit(dora), "/audit/")


def test_pages_about_one_proposal_do_nothing(
    visit: Visit, propose: Callable[..., Any], anything: None, ana: Any
) -> None:
    page = visit(ana)
    before = None
    for n in range(0, len(PAYLOADS), MANY):
        texts = [text for text, _ in PAYLOADS[n : n + MANY]]
        proposal = propose(**many(texts), revises=before)
        harmless(page, f"/queue/{proposal.pk}/")
        page.emulate_media(media="print")
        assert what_got_through(page) | {"wide": False} == NOTHING
        page.emulate_media(media="screen")
        harmless(page, f"/queue/{proposal.pk}/edit/")
        harmless(page, f"/governance/simulator/?proposal={proposal.pk}")
        approve = n % (2 * MANY) == 0
        end(proposal, by=ana, approve=approve, reason=texts[0])
        harmless(page, f"/queue/{proposal.pk}/")
        if approve:
            harmless(page, f"/queue/{proposal.pk}/standing/")
        before = str(proposal.pk)


def harmless(page: Any, address: str = "") -> Any:
    """The page, or the one at this address; nothing of what agents sent does anything on it."""
    if address:
        answer = page.goto(address)
        assert answer.status == 200, address
    assert what_got_through(page) == NOTHING, page.url
    return page


def many(texts: Sequence[str]) -> dict[str, Any]:
    """One proposal with all of these in its arguments, its conversation and its indicators."""
    arguments = {"what": texts[0], **{f"t{n}": text for n, text in enumerate(texts)}}
    arguments |= {text[:80]: f"v{n}" for n, text in enumerate(texts)}
    before = {name: f"before {value}" for name, value in arguments.items()}
    few = [texts[n : n + 20] for n in range(0, len(texts), 20)]  # indicators of one suggestion
    return {
        **everywhere(texts[0]),
        "context": {"messages": [{"role": "user", "content": text} for text in texts]},
        "suggestions": [
            suggestion_body(
                rank=rank,
                action="do_anything",
                arguments=arguments if rank == 1 else {"what": some[-1]},
                before=before if rank == 1 else {},
                explanation="\n".join(some),
                risk={"level": "high", "indicators": [{"code": text[:64], "detail": text} for text in some]},
            )
            for rank, some in enumerate(few, 1)
        ],
    }


def several(texts: Sequence[str]) -> dict[str, Any]:
    """A proposal whose sentence, which stands in its row, tells each of these texts."""
    arguments = {f"t{n}": text for n, text in enumerate([*texts, "", ""][:IN_A_SENTENCE])}
    body = everywhere(*texts)
    return {
        **body,
        "suggestions": [{**body["suggestions"][0], "action": "do_several", "arguments": arguments}],
    }


def end(proposal: Any, *, by: Any, approve: bool, reason: str) -> None:
    """Decide on it, with words as hostile as its own."""
    first = proposal.suggestions.select_related("action_type").first()
    if approve:
        decide.approve(
            first, reviewer=by, actor=actor_of(by), shown_digest=first.action_digest, reason=reason
        )
    else:
        decide.reject(proposal.pk, reviewer=by, actor=actor_of(by), reason=reason)
