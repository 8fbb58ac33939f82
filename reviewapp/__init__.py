"""Wires the apps together: settings, addresses, processes."""

from reviewapp.celery import app as celery_app

__all__ = ["celery_app"]
