"""What an application is told of a request, and what a server sends of its answer: the hop between both."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from reviewapp.web import bridge
from reviewapp.web.bridge import ThreadBridge
from reviewapp.web.incoming import REFUSED

SCOPE: dict[str, Any] = {"method": "POST", "path": "/x", "query_string": b"", "headers": []}


class Streamed:
    """An answer that comes piece by piece and has to be closed."""

    streaming = True

    def __init__(self, pieces: list[bytes], error: Exception | None = None) -> None:
        self.pieces, self.error, self.closed = pieces, error, False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        if self.error:
            raise self.error

    def close(self) -> None:
        self.closed = True


def through(
    answer: Any, *, heard: list[dict[str, Any]] | None = None, **scope: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The environment that the application sees, and the messages that the server gets."""
    seen: dict[str, Any] = {}
    sent: list[dict[str, Any]] = []
    messages = iter(heard if heard is not None else [{"type": "http.request", "body": b""}])

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        seen.update(environ, body=environ["wsgi.input"].read())
        start_response("201 Created", [("Content-Type", "text/plain"), ("X-Name", "é")])
        return answer

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(ThreadBridge(app, threads=1)({**SCOPE, **scope}, receive, send))
    return seen, sent


def test_a_short_answer_leaves_whole() -> None:
    _, sent = through([b"a", b"b"])
    assert sent == [
        {
            "type": "http.response.start",
            "status": 201,
            "headers": [(b"content-type", b"text/plain"), (b"x-name", b"\xe9")],
        },
        {"type": "http.response.body", "body": b"ab"},
    ]


def test_a_long_answer_leaves_piece_by_piece_and_is_closed() -> None:
    answer = Streamed([b"a", b"", b"b"])
    _, sent = through(answer)
    assert [(m.get("body"), m.get("more_body")) for m in sent] == [
        (None, None),
        (b"a", True),
        (b"", True),
        (b"b", True),
        (b"", False),
    ]
    assert answer.closed


def test_an_answer_that_breaks_off_is_closed_too() -> None:
    answer = Streamed([b"a"], error=RuntimeError("the database went away"))
    with pytest.raises(RuntimeError, match="the database went away"):
        through(answer)
    assert answer.closed


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ({"raw_path": b"/a%20b"}, {"PATH_INFO": "/a b"}),
        ({"raw_path": b"/%ff"}, {"PATH_INFO": "/\xff"}),  # as it came, to be refused
        ({"raw_path": b"/a%2Fb"}, {"PATH_INFO": "/a/b"}),
        ({"path": "/é"}, {"PATH_INFO": "/\xc3\xa9"}),
        ({"query_string": b"a=%00&b"}, {"QUERY_STRING": "a=%00&b"}),
        ({"client": None}, {"REMOTE_ADDR": ""}),
        ({"client": ("192.0.2.7", 1)}, {"REMOTE_ADDR": "192.0.2.7"}),
        ({"server": None}, {"SERVER_NAME": "localhost", "SERVER_PORT": "80"}),
        ({"server": ("10.0.0.1", 8000)}, {"SERVER_NAME": "10.0.0.1", "SERVER_PORT": "8000"}),
        ({"scheme": "https"}, {"wsgi.url_scheme": "https"}),
        ({"http_version": "2"}, {"SERVER_PROTOCOL": "HTTP/2"}),
        ({"headers": [(b"content-type", b"text/x")]}, {"CONTENT_TYPE": "text/x"}),
        ({"headers": [(b"x-name", b"\xe9")]}, {"HTTP_X_NAME": "\xe9"}),
        ({"headers": [(b"cookie", b"a=1"), (b"cookie", b"b=2")]}, {"HTTP_COOKIE": "a=1; b=2"}),
        ({"headers": [(b"accept", b"a"), (b"accept", b"b")]}, {"HTTP_ACCEPT": "a,b"}),
    ],
)
def test_an_application_is_told_what_came(scope: dict[str, Any], told: dict[str, Any]) -> None:
    seen, _ = through([b""], **scope)
    assert {name: seen[name] for name in told} == told


@pytest.mark.parametrize("name", [b"x_forwarded_for", b"content_length", b"remote_addr", b"_"])
def test_a_name_with_an_underscore_is_no_header(name: bytes) -> None:
    plain, _ = through([b""])
    seen, _ = through([b""], headers=[(name, b"x")])
    assert set(seen) == set(plain)


def test_the_length_is_that_of_what_came_and_not_what_was_said() -> None:
    seen, _ = through(
        [b""], heard=[{"type": "http.request", "body": b"abc"}], headers=[(b"content-length", b"999")]
    )
    assert (seen["CONTENT_LENGTH"], seen["body"]) == ("3", b"abc")


def test_a_body_is_put_together_from_its_pieces() -> None:
    pieces = [b"a", b"", b"bc"]
    heard = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    seen, _ = through([b""], heard=[*heard, {"type": "http.request"}])
    assert seen["body"] == b"abc"


def test_of_a_body_that_is_too_long_no_more_is_kept_than_tells_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "MAX_BODY", 10)
    heard = [{"type": "http.request", "body": b"x" * 6, "more_body": True} for _ in range(50)]
    seen, _ = through([b""], heard=[*heard, {"type": "http.request"}])
    assert 10 < len(seen["body"]) <= 18


def test_who_leaves_before_the_end_has_sent_no_body() -> None:
    gone = [{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.disconnect"}]
    seen, _ = through([b""], heard=gone)
    assert (seen["body"], seen[REFUSED].kind, seen[REFUSED].closes) == (b"", "BodyCutShort", True)


def test_two_lengths_are_not_read() -> None:
    two = [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")]
    seen, _ = through([b""], heard=[], headers=two)
    assert (seen["body"], seen[REFUSED].kind) == (b"", "TwoLengths")
