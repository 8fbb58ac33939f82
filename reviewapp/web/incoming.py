"""What a request has to be before anything reads it: one gate for path, query, headers, cookies and forms.

PostgreSQL can't keep NUL, UTF-8 has no lone surrogates, and a charset that the sender chooses can make
either of harmless bytes. JSON bodies have a gate of their own (`audit.asking.gate`), with the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.http.response import HttpResponseBase

from reviewapp.web.middleware import GetResponse

PATH_BYTES = 2_000
QUERY_BYTES = 16 * 1024
HEADER_BYTES = 32 * 1024  # all of them together
# The bridge leaves word here of what was wrong with the body, or with how it came.
REFUSED = "reviewapp.refused"

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_IN_HEADERS = re.compile("[\x00-\x08\x0a-\x1f\x7f]")  # a tab may separate
_PLAIN_PATH = re.compile("[!-~]{0,2000}")
_HALF_ESCAPED = re.compile(rb"%(?![0-9a-fA-F]{2})")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\"';\s]*)", re.IGNORECASE)
_UTF8 = {"utf-8", "utf8", "us-ascii", "ascii"}


@dataclass(frozen=True)
class Refused:
    """Why a request goes no further; `where` names the part, as `?action`, if it is one."""

    status: int
    kind: str
    detail: str
    where: str = ""
    closes: bool = False  # nobody knows where on this connection the next request begins


def look(environ: dict[str, Any]) -> Refused | None:
    """What is wrong with a request, by its WSGI environment; None where it may go on.

    Costs microseconds, and neither a database nor Django's request, which some of this would break.
    """
    path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
    return (
        environ.get(REFUSED)
        or (None if _PLAIN_PATH.fullmatch(path) else _path(path.encode("latin-1", "replace")))
        or (_query(query.encode("latin-1", "replace")) if query else None)
        or _headers(environ)
        or _how_it_is_written(environ)
    )


def without_what_is_wrong(environ: dict[str, Any], refused: Refused | None) -> dict[str, Any]:
    """The environment as it may go on: of a refused request that it is one, and whether the API was asked."""
    if refused is None:
        return environ
    is_api = environ.get("PATH_INFO", "").startswith(("/api/", "/log/"))
    blank = dict.fromkeys(["QUERY_STRING", "HTTP_COOKIE", "CONTENT_TYPE", "CONTENT_LENGTH"], "")
    return {**environ, **blank, "PATH_INFO": "/api/" if is_api else "/", REFUSED: refused}


def _path(path: bytes) -> Refused | None:
    if len(path) > PATH_BYTES:
        return Refused(414, "TooLong", f"The path may have at most {PATH_BYTES:,} bytes.")
    text = _text(path)
    if text is None:
        return _malformed("The path is not UTF-8.")
    if _CONTROLS.search(text):
        return _malformed("The path must not hold control characters.")
    return None


def _query(query: bytes) -> Refused | None:
    if len(query) > QUERY_BYTES:
        return Refused(414, "TooLong", f"The query may have at most {QUERY_BYTES:,} bytes.")
    for part in query.split(b"&"):
        name = part.partition(b"=")[0]
        where = f"?{unquote_to_bytes(name)[:100].decode('utf-8', 'replace')}".replace("\0", "�")
        if _HALF_ESCAPED.search(part):
            return _malformed(
                "A % has two hexadecimal digits behind it; write %25 for the sign itself.", where
            )
        text = _text(unquote_to_bytes(part.replace(b"+", b" ")))
        if text is None:
            return _malformed("The query is not UTF-8.", where)
        if "\0" in text:
            return _malformed("Text must not hold NUL.", where)
    return None


def _text(given: bytes) -> str | None:
    try:
        return given.decode()
    except UnicodeDecodeError:
        return None


def _headers(environ: dict[str, Any]) -> Refused | None:
    values = "\t".join([environ[name] for name in environ if name[:5] == "HTTP_"])
    if len(values) > HEADER_BYTES:
        return Refused(431, "HeadersTooLong", f"Headers may have at most {HEADER_BYTES:,} bytes together.")
    if _IN_HEADERS.search(values):
        return _malformed("A header must not hold control characters.")
    return _cookies(environ.get("HTTP_COOKIE", ""))


def _cookies(header: str) -> Refused | None:
    if "\\" not in header:  # only what is escaped can be anything but what was looked at already
        return None
    for name, value in parse_cookie(header).items():
        if _UNSTORABLE.search(name + value):
            return _malformed("A cookie must not hold NUL.", f"Cookie: {name[:100]}")
    return None


def _how_it_is_written(environ: dict[str, Any]) -> Refused | None:
    """The lengths and the charset; Django would take any that Python knows, `rot13` among them."""
    coding = environ.get("HTTP_TRANSFER_ENCODING", "")
    if coding and coding.strip().lower() != "chunked":
        return _malformed("Of transfer codings the server reads `chunked` alone.", "Transfer-Encoding")
    kind = environ.get("CONTENT_TYPE", "")
    if ";" not in kind and len(kind) <= 300:  # one that is odd is no kind that anything reads
        return None
    _, _, parameters = kind.partition(";")
    charsets = {charset.lower() for charset in _CHARSET.findall(parameters)}
    if len(kind) > 300 or _CONTROLS.search(kind) or "*" in parameters or not charsets <= _UTF8:
        return Refused(415, "UnsupportedMediaType", "Bodies and forms are UTF-8.", "Content-Type")
    return None


def _malformed(detail: str, where: str = "") -> Refused:
    return Refused(400, "Malformed", detail, where)


class BadForm(BadRequest):
    """A field of a form holds what no text can have; the message is for the one who sent it."""


def forms(get_response: GetResponse) -> GetResponse:
    """Middleware: a form whose names or values can't be kept reaches no view."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.method != "GET":
            for name in _unstorable(request):
                raise BadForm(
                    f"The field “{name}” holds a character that no text can have. Nothing was changed."
                )
        return get_response(request)

    return middleware


def _unstorable(request: HttpRequest) -> Iterator[str]:
    for name, values in request.POST.lists():
        if _UNSTORABLE.search(name) or any(_UNSTORABLE.search(value) for value in values):
            yield _UNSTORABLE.sub("", name)[:100]
    for name, file in request.FILES.items():
        if _UNSTORABLE.search(name + str(file.name)):  # type: ignore[union-attr]
            yield _UNSTORABLE.sub("", name)[:100]
