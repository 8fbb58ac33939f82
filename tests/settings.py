"""The product's settings, on services of the tests' own; each test process has its own database."""

import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ.setdefault("VAR_DIR", str(ROOT / "var" / "test"))
os.environ.setdefault("DEBUG", "0")
os.environ.setdefault("STATIC_UNHASHED", "1")
os.environ.setdefault("RATE_LIMIT", "100000/minute")
os.environ.setdefault("LOG_LEVEL", "ERROR")
OWNER_PASSWORD, SUPERUSER_PASSWORD = "the-owner-in-tests", "the-superuser-in-tests"
DATABASE = f"test_reviewapp_{WORKER}"
VALKEY_NUMBER = 0 if WORKER == "main" else 1 + int(WORKER.removeprefix("gw"))

if os.environ.get("TEST_READY") != WORKER:  # a worker of xdist inherits what its starter made ready
    from reviewapp import embedded

    embedded.fill_environment(Path(os.environ["VAR_DIR"]))
    parts = urlsplit(os.environ["DATABASE_OWNER_URL"])
    if parts.password is None:  # tests clean up as the owner, whose password nothing else knows
        netloc = f"{parts.username}:{OWNER_PASSWORD}@"
        os.environ["DATABASE_OWNER_URL"] = urlunsplit(parts._replace(netloc=netloc))
    for variable in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        parts = urlsplit(os.environ[variable])
        os.environ[variable] = urlunsplit(parts._replace(path=f"/{DATABASE}"))
    parts = urlsplit(os.environ["VALKEY_URL"])
    os.environ["VALKEY_URL"] = urlunsplit(parts._replace(path=f"/{VALKEY_NUMBER}"))
    os.environ["VALKEY_PREFIX"] = DATABASE  # hints are heard in every database of a Valkey
    os.environ["TEST_READY"] = WORKER  # processes that tests start use the same services

from reviewapp.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
WHITENOISE_MAX_AGE = 24 * 3600  # browsers of tests need not ask again
