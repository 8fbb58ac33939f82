"""The application without sockets, for a WSGI server: what a busy installation runs many of."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reviewapp.settings")

import django

django.setup()

from reviewapp.processes.ready import make_ready
from reviewapp.web.handler import Handler

application = Handler()
make_ready()
