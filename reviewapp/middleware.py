"""Middlewares, and the rule that requests to /api/ step over those made for pages."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from csp.middleware import CSPMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django_htmx.middleware import HtmxMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware

from reviewapp import metrics

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_REQUEST_ID = re.compile(r"^[\w.-]{1,64}$")


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/v1/")


def request_context(get_response: GetResponse) -> GetResponse:
    """Give each request an id, in every log line and in its answer; measure how long it took."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
        traced = _TRACEPARENT.match(request.headers.get("traceparent", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        trace_id = traced[1] if traced else request_id
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=trace_id)
        started = time.perf_counter()
        try:
            response = get_response(request)
            metrics.observe(request, response, time.perf_counter() - started)
        finally:
            structlog.contextvars.clear_contextvars()
        response["X-Request-ID"] = request_id
        return response

    return middleware


def pages_only(middleware_class: Callable[[GetResponse], Any]) -> Callable[[GetResponse], Any]:
    """The same middleware, stepped over by requests to the API."""

    def factory(get_response: GetResponse) -> Any:
        inner = middleware_class(get_response)
        return _PagesOnly(inner, get_response)

    return factory


class _PagesOnly:
    def __init__(self, inner: Any, get_response: GetResponse) -> None:
        self.inner = inner
        self.get_response = get_response
        for hook in ("process_view", "process_exception", "process_template_response"):
            if hasattr(inner, hook):
                setattr(self, hook, self._for_pages(getattr(inner, hook)))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request) if is_api(request) else self.inner(request)

    def _for_pages(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return None if is_api(request) else hook(request, *args, **kwargs)

        return run


class _PageSafety:
    """What a browser is told about every page: nothing of it may be kept or framed."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


class _Htmx(HtmxMiddleware):
    """A page asked for in part is another answer than the whole page."""

    def __call__(self, request: HttpRequest) -> Any:
        response = super().__call__(request)
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Vary", "HX-Request")
        return response


WhiteNoise = pages_only(WhiteNoiseMiddleware)
Csp = pages_only(CSPMiddleware)
Session = pages_only(SessionMiddleware)
Common = pages_only(CommonMiddleware)
Csrf = pages_only(CsrfViewMiddleware)
Authentication = pages_only(AuthenticationMiddleware)
Messages = pages_only(MessageMiddleware)
Htmx = pages_only(_Htmx)
ClickJacking = pages_only(XFrameOptionsMiddleware)
PageSafety = pages_only(_PageSafety)
