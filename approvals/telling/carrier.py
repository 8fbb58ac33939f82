"""Carries a message to an address outside, by Apprise, through doors of ours.

Of Apprise's services those listed here are loaded and no others, each by itself. What they ask of the
network goes through `audit.ground.egress` to hosts in NOTICE_ALLOW, and e-mail to the operator's own server.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from apprise import AppriseAsset
from django.conf import settings
from requests.adapters import BaseAdapter

from audit.ground import egress

TIMEOUT = 10  # seconds for one request
LONGEST = 1_000


class NotCarried(Exception):
    """It did not arrive; the message says why, without the address."""


class NoAddress(Exception):
    """This is no address that notices can be sent to; the message says why."""


@dataclass(frozen=True)
class Service:
    words: str
    module: str
    name: str  # of the class


def _service(words: str, module: str, name: str) -> Service:
    return Service(words, f"apprise.plugins.{module}", name)


SERVICES: dict[str, Service] = {
    **dict.fromkeys(("json", "jsons"), _service("Webhook", "custom_json", "NotifyJSON")),
    **dict.fromkeys(("form", "forms"), _service("Webhook (form)", "custom_form", "NotifyForm")),
    **dict.fromkeys(("gotify", "gotifys"), _service("Gotify", "gotify", "NotifyGotify")),
    **dict.fromkeys(("mmost", "mmosts"), _service("Mattermost", "mattermost", "NotifyMattermost")),
    **dict.fromkeys(("ntfy", "ntfys"), _service("ntfy", "ntfy", "NotifyNtfy")),
    **dict.fromkeys(("rocket", "rockets"), _service("Rocket.Chat", "rocketchat", "NotifyRocketChat")),
    "discord": _service("Discord", "discord", "NotifyDiscord"),
    "gchat": _service("Google Chat", "google_chat", "NotifyGoogleChat"),
    "slack": _service("Slack", "slack", "NotifySlack"),
    "tgram": _service("Telegram", "telegram", "NotifyTelegram"),
    "workflows": _service("Microsoft Teams", "workflows", "NotifyWorkflows"),
    "wxteams": _service("Webex", "webexteams", "NotifyWebexTeams"),
    "zulip": _service("Zulip", "zulip", "NotifyZulip"),
}
EMAIL = "E-mail"
_PASTED = ("discord", "gchat", "slack", "workflows", "wxteams")  # their own https addresses are known
# Of what an address can ask of Apprise this much; `template`, for one, would read files of this machine.
_OPTIONS = {"method", "mode", "priority", "to", "token", "channel", "topic", "tags", "thread"}
# More or less what a mailbox looks like; the server has the last word.
_MAILBOX = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


# --- The doors -------------------------------------------------------------------------------


@dataclass
class _Errand:
    """What is under way: the id that travels along, and what the doors had to say."""

    key: str
    only_look: bool = False
    addresses: list[str] = field(default_factory=list)
    said: str = ""


_errand: ContextVar[_Errand] = ContextVar("errand")


class _Door(BaseAdapter):
    """Takes the place of the network in the `requests` of a service."""

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:  # type: ignore[override]
        errand = _errand.get()
        errand.addresses.append(request.url)
        if errand.only_look:
            raise requests.ConnectionError
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        kept = {name: _text(value) for name, value in request.headers.items() if name.lower() not in _OURS}
        headers = {**kept, "Idempotency-Key": errand.key}
        try:
            answer = egress.request(
                request.method,
                request.url,
                door=egress.Door.NOTICES,
                headers=headers,
                content=content,
                timeout=TIMEOUT,
            )
        except (egress.Refused, egress.NotSent, egress.Lost) as error:
            errand.said = _sentence(error)
            raise requests.ConnectionError from error
        if not 200 <= answer.status < 300:
            errand.said = f"It answered {answer.status}."
        return _response(request, answer)

    def close(self) -> None:
        """Nothing is kept open."""


_OURS = {
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "idempotency-key",
    "transfer-encoding",
    "user-agent",
}


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _sentence(error: Exception) -> str:
    if isinstance(error, egress.Refused):
        return "This installation does not let notices be sent there."
    return f"It could not be reached: {error}."[:200]


def _response(request: Any, answer: egress.Answer) -> requests.Response:
    response = requests.Response()
    response.status_code, response.url, response.request = answer.status, request.url, request
    response._content, response.encoding = answer.body, "utf-8"
    response.headers.update(answer.headers)
    return response


class _Requests:
    """The module `requests` as a service of Apprise sees it: every call goes through the door."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies, no passwords from files of this machine
        self._session.adapters.clear()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Door())

    def __getattr__(self, name: str) -> Any:
        if name in ("request", "get", "post", "put", "patch", "delete", "head", "options"):
            return getattr(self._session, name)
        if name in ("Session", "session", "adapters", "sessions", "api"):
            raise AttributeError(f"{name} would lead around the door")
        return getattr(requests, name)


@lru_cache(maxsize=64)
def _plugin(service: Service) -> Any:
    """The class of a service, whose only way to the network is our door."""
    module = importlib.import_module(service.module)
    if module.requests is not _through_the_door:  # a service without `requests` fails here: none is listed
        module.requests = _through_the_door  # type: ignore[attr-defined]
    return getattr(module, service.name)


_through_the_door = _Requests()


def _asset() -> AppriseAsset:
    return AppriseAsset(
        app_id="reviewapp",
        app_desc="reviewapp",
        app_url=settings.PUBLIC_URL,
        async_mode=False,
        http_redirects=False,
        image_url_mask="",
        image_url_logo="",
        pem_autogen=False,
        pgp_autogen=False,
        secure_logging=True,
        storage_mode="memory",
        allow_templates=False,
    )


# --- Reading an address ----------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """An address that notices can be sent to: in full, and as much of it as may be shown."""

    full: str
    service: str
    shown: str


def read(text: str) -> Address:
    """What somebody typed as an address: a mailbox, a webhook, or one as Apprise writes it.

    Raises `NoAddress`, also for a host that the operator does not allow.
    """
    text = text.strip()
    if not text or len(text) > LONGEST or re.search(r"[\x00-\x20\x7f]", text):
        raise NoAddress("An address has no spaces and at most 1,000 characters.")
    if "://" not in text:
        return _mailbox(text)
    text = _as_apprise(text)
    scheme = text.partition("://")[0]
    _check_options(text)
    errand = _looked(text)
    if not errand.addresses:
        raise NoAddress(f"This is no complete address of {SERVICES[scheme].words}.")
    for url in errand.addresses:
        if not egress.is_listed(url, egress.Door.NOTICES):
            raise NoAddress(
                f"{_host(url)} is not among the hosts that an operator allows for notices (NOTICE_ALLOW)."
            )
    return Address(text, SERVICES[scheme].words, _host(errand.addresses[0]))


def _mailbox(text: str) -> Address:
    if not _MAILBOX.fullmatch(text) or ".." in text:
        raise NoAddress("Write an e-mail address, or an address that begins with https:// or a service.")
    if not settings.EMAIL_URL:
        raise NoAddress("This installation sends no e-mail: an operator has to set EMAIL_URL.")
    local, _, domain = text.partition("@")
    return Address(text, EMAIL, f"{local[:1]}…@{domain}")


def _as_apprise(text: str) -> str:
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme in ("http", "https"):
        for known in _PASTED:
            if _plugin(SERVICES[known]).parse_native_url(text):
                return _native(known, text)
        scheme = "jsons" if scheme == "https" else "json"
    if scheme not in SERVICES:
        known = ", ".join(sorted({f"{name}://" for name in SERVICES}))
        raise NoAddress(f"There is no service {scheme[:30]}://. Those there are: https://, {known}.")
    return f"{scheme}://{rest}"


def _native(scheme: str, text: str) -> str:
    """A pasted address in Apprise's own words."""
    results = _plugin(SERVICES[scheme]).parse_native_url(text)
    results["asset"] = _asset()
    written = str(_plugin(SERVICES[scheme])(**results).url(privacy=False))
    # Without the options that it adds of its own.
    return f"{scheme}://{written.partition('://')[2].partition('?')[0]}"


def _check_options(text: str) -> None:
    for part in filter(None, re.split("[&;?]", text.partition("?")[2])):
        name = unquote(part.partition("=")[0])
        own = name[:1] in ("+", "-") and text.startswith(("json", "form"))  # a header or parameter
        if name.lower() not in _OPTIONS and not own:
            raise NoAddress(f"An address can’t have the option {name[:40]!r}.")


def _looked(text: str) -> _Errand:
    """Where a message to this address would go first; nothing is sent."""
    with _on(_Errand("", only_look=True)) as errand:
        _notify(text, "a", "a")
    return errand


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "")[:200]


@contextmanager
def _on(errand: _Errand) -> Iterator[_Errand]:
    token = _errand.set(errand)
    try:
        yield errand
    finally:
        _errand.reset(token)


# --- Sending ---------------------------------------------------------------------------------


def carry(address: str, *, title: str, body: str, key: str) -> None:
    """Send this once. `key` is the same for every attempt, as `Idempotency-Key` or `Message-ID`.

    Raises `NotCarried`.
    """
    with _on(_Errand(key)) as errand:
        arrived = _notify(address, title, body) if "://" in address else _mail(address, title, body)
    if not arrived:
        raise NotCarried(errand.said or "It was not accepted.")


def _notify(address: str, title: str, body: str) -> bool:
    service = SERVICES.get(address.partition("://")[0])
    if service is None:
        raise NotCarried("This service is not offered any more.")
    plugin = _plugin(service)
    try:
        results = plugin.parse_url(address)
        if not results:
            return False
        return bool(
            plugin(**{**results, "asset": _asset()}).notify(title=title, body=body, body_format="text")
        )
    except (TypeError, ValueError, OSError):  # what an odd address makes of a service
        return False


def _mail(address: str, title: str, body: str) -> bool:
    if not settings.EMAIL_URL:
        raise NotCarried("This installation sends no e-mail any more.")
    from apprise.plugins.email import base

    base.make_msgid = _message_id
    mode = "ssl" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else "insecure"
    mail = base.NotifyEmail(
        host=settings.EMAIL_HOST,
        smtp_host=settings.EMAIL_HOST,
        port=settings.EMAIL_PORT,
        user=settings.EMAIL_HOST_USER or None,
        password=settings.EMAIL_HOST_PASSWORD or None,
        secure_mode=mode,
        from_addr=settings.EMAIL_FROM,
        targets=[address],
        asset=_asset(),
    )
    mail.socket_connect_timeout = TIMEOUT
    arrived = bool(mail.notify(title=title, body=body, body_format="text", notify_format="text"))
    if not arrived:
        _errand.get().said = "The mail server did not take it."
    return arrived


def _message_id(*_: Any, domain: str | None = None, **__: Any) -> str:
    return f"<{_errand.get().key}@{urlsplit(settings.PUBLIC_URL).hostname or 'reviewapp'}>"
