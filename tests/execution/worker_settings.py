"""For workers that tests start and kill: leases that end while somebody watches."""

import os

from tests.settings import *  # noqa: F403

LEASE_SECONDS = int(os.environ.get("TEST_LEASE", "4"))
EGRESS_ALLOW = [os.environ["TEST_DOWNSTREAM"]]
STOP_SECONDS = 1
