"""What a browser does, as far as the bench needs it: asks with a session, and fills in forms."""

from __future__ import annotations

import http.client
import re
from html import unescape
from urllib.parse import urlencode

_FIELD = re.compile(r'<input\b[^>]*?\bname="([^"]+)"[^>]*?\bvalue="([^"]*)"', re.S)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Browser:
    """One connection of somebody who is signed in."""

    def __init__(self, port: int, cookie: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookies = dict([cookie.split("=", 1)])

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPMessage, bytes]:
        """The headers of the answer, and its body as it came over the wire. Raises where it isn't good."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str]) -> tuple[http.client.HTTPMessage, bytes]:
        return self._ask(
            "POST", path, urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"}
        )

    def _ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPMessage, bytes]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        always = {"Host": "localhost", "Cookie": cookie, "Accept": "text/html"}
        self.connection.request(method, path, body, {**always, **headers})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300].decode(errors='replace')}")
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.headers, content


def fields(page: bytes, *names: str) -> dict[str, str]:
    """What the first fields of these names on a page hold."""
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(page.decode()):
        found.setdefault(name, unescape(value))
    return {name: found[name] for name in names}
