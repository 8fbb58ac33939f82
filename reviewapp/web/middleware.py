"""Middlewares of our own, and which requests are those of the API."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxMiddleware

from audit.asking.addresses import address_of
from audit.ground.ids import uuid7
from reviewapp.processes import metrics

SECRETS = "/accounts/"  # pages that hold the same secret each time they are asked for
GetResponse = Callable[[HttpRequest], HttpResponseBase]
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_REQUEST_ID = re.compile(r"^[\w.-]{1,64}$")


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(("/api/v1/", "/log/"))


def request_context(get_response: GetResponse) -> GetResponse:
    """Give each request an id, in every log line and in its answer; measure how long it took."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.match(given) else uuid7().hex
        traced = _TRACEPARENT.match(request.META.get("HTTP_TRACEPARENT", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        trace_id = traced[1] if traced else request_id
        structlog.contextvars.bind_contextvars(
            request_id=request_id, trace_id=trace_id, address=address_of(request)
        )
        started = time.perf_counter()
        try:
            response = get_response(request)
            metrics.observe(request, response, time.perf_counter() - started)
        finally:
            structlog.contextvars.clear_contextvars()
        response["X-Request-ID"] = request_id
        return response

    return middleware


def unbound(get_response: GetResponse) -> GetResponse:
    """An answer of the API is freed once it is sent, with all that its view held.

    View, request and response of the framework name each other in a circle. A list leaves a thousand objects
    in it, and every hundredth answer waited until a garbage collection had looked through those of others.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if context := vars(response).pop("renderer_context", None):
            context["request"].parser_context.clear()
            vars(context["view"]).clear()
        return response

    return middleware


class Htmx(HtmxMiddleware):
    """A page asked for in part is another answer than the whole page."""

    def __call__(self, request: HttpRequest) -> Any:
        response = super().__call__(request)
        if isinstance(response, HttpResponse):
            patch_vary_headers(response, ["HX-Request"])
        return response


class PageSafety:
    """What a browser is told about every page: nothing of it may be kept."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        if not is_api(request):
            response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


class Compressed(GZipMiddleware):
    """Django's own, whose random bytes hide lengths; neither for secrets nor for what streams.

    See docs/decisions/0046.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or request.path_info.startswith(SECRETS):
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed
