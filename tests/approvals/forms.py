"""A form as a browser without scripts sends it back, line ends and all."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sent: dict[str, str] = {}
        self.select: str | None = None
        self.first: str | None = None
        self.area: str | None = None
        self.text = ""
        self.types: dict[str, str] = {}

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        given = {name: value or "" for name, value in attributes}
        name = given.get("name", "")
        if tag == "input" and name:
            self._input(name, given)
        elif tag == "textarea":
            self.area, self.text, self.types[name] = name, "", "textarea"
        elif tag == "select":
            self.select, self.first = name, None
        elif tag == "option" and self.select is not None:
            if "selected" in given or self.first is None:
                self.sent[self.select] = given["value"]
            self.first = given["value"]

    def _input(self, name: str, given: dict[str, str]) -> None:
        kind, value = given.get("type", "text"), given.get("value", "")
        self.types[name] = kind
        if kind == "radio" and "checked" not in given:
            return
        if kind in ("email", "url"):
            value = value.strip()
        self.sent[name] = value if kind == "hidden" else value.replace("\n", "")

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area is not None:
            self.sent[self.area], self.area = self.text.removeprefix("\n"), None
        if tag == "select":
            self.select = None


def parsed(page: str) -> _Form:
    form = _Form()
    form.feed(page.replace("\r\n", "\n").replace("\r", "\n"))  # as the stream that a browser reads
    form.close()
    return form


def sent_back(page: str) -> dict[str, str]:
    """What the page's fields hold when nothing was touched."""
    return {
        name: value.replace("\r\n", "\n").replace("\n", "\r\n") for name, value in parsed(page).sent.items()
    }
