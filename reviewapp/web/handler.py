"""Django's handler: one gate before it, and behind that a short way for the API.

Ten middlewares that step aside for a request still cost it a tenth of its time; the short way
has the four that the API needs.
"""

from __future__ import annotations

from typing import Any

from csp.middleware import CSPMiddleware
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.middleware.security import SecurityMiddleware

from reviewapp.web import incoming, pages
from reviewapp.web.middleware import PageSafety, is_api, request_context, unbound


class Handler(WSGIHandler):
    """Requests to /api/v1/ see `request_context`, Django's security headers, `no-store` and `unbound` alone.

    What the gate refuses is answered, headers and all, and reaches neither.
    """

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        refused = incoming.look(environ)
        return super().__call__(incoming.without_what_is_wrong(environ, refused), start_response)

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async)
        for_pages: Any = self._middleware_chain  # type: ignore[has-type]
        get_response: Any = self._get_response  # type: ignore[attr-defined]
        view: Any = convert_exception_to_response(get_response)
        for_api = _wrapped(PageSafety(unbound(view)))
        refusal: Any = PageSafety(pages.refused)  # type: ignore[arg-type]
        page_refused = _wrapped(CSPMiddleware(refusal))
        api_refused = _wrapped(refusal)

        def chosen(request: HttpRequest) -> Any:
            if incoming.REFUSED in request.META:
                return api_refused(request) if is_api(request) else page_refused(request)
            response: Any = for_api(request) if is_api(request) else for_pages(request)
            if "HTTP_TRANSFER_ENCODING" in request.META:
                # It may have had a Content-Length, too, which the server drops: RFC 9112, section 6.1.
                response.headers["Connection"] = "close"
            return response

        self._middleware_chain = chosen


def _wrapped(get_response: Any) -> Any:
    """With what every answer has: an id, figures, Django's security headers; and a failure made an answer."""
    safe: Any = SecurityMiddleware(get_response)
    return convert_exception_to_response(request_context(safe))
