"""The whole application on one port: sockets and waiting requests are async, the rest runs in threads."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reviewapp.settings")

import django

django.setup()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

from approvals.desk.consumers import ExecutionsConsumer, NoticeConsumer, QueueConsumer
from reviewapp.processes.ready import make_ready
from reviewapp.web.bridge import ThreadBridge
from reviewapp.web.closing import ClosesAtOnce
from reviewapp.web.handler import Handler
from reviewapp.web.origin import OwnOrigin
from reviewapp.web.wait import WaitForResolution

_routes = [
    path("ws/queue/", QueueConsumer.as_asgi()),
    path("ws/executions/", ExecutionsConsumer.as_asgi()),
    path("ws/notices/", NoticeConsumer.as_asgi()),
]
_sockets = ClosesAtOnce(OwnOrigin(AuthMiddlewareStack(URLRouter(_routes))))
_requests = WaitForResolution(ThreadBridge(Handler(), threads=settings.WEB_THREADS))

application = ProtocolTypeRouter({"http": _requests, "websocket": _sockets})
make_ready()
