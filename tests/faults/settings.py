"""The product's settings with everything that waits for minutes waiting for seconds, in the same order.

Processes that run with it load `tests.faults.applied`, which may break them: by a mutant that is named in the
environment, or at a point of an attempt where somebody orders it.
"""

import os

from reviewapp.settings import *  # noqa: F403
from reviewapp.settings import CELERY_BROKER_TRANSPORT_OPTIONS, INSTALLED_APPS

LEASE_SECONDS = int(os.environ.get("FAULTS_LEASE", "4"))
CELERY_TASK_SOFT_TIME_LIMIT = LEASE_SECONDS - 1
CELERY_TASK_TIME_LIMIT = LEASE_SECONDS - 0.5  # < LEASE_SECONDS < visibility_timeout
HAND_BACK_LEASE_SECONDS = LEASE_SECONDS + 1
if "visibility_timeout" in CELERY_BROKER_TRANSPORT_OPTIONS:  # of Valkey; RabbitMQ has none
    CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] = LEASE_SECONDS + 1
CELERY_TASK_ACKS_LATE = os.environ.get("FAULTS_MUTANT") != "early-acknowledgement"
CELERY_TASK_REJECT_ON_WORKER_LOST = CELERY_TASK_ACKS_LATE
INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.applied.FaultsConfig"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
