"""The demo beside the product: a shop and some agents, processes that know only its API.

Nothing of `demo/` is imported. The command `demo_setup` creates whom and what it
needs, and notes the agents' keys.
"""

import io
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import django
from django.core.management import call_command

from reviewapp.embedded.credentials import free_port, port_taken

SHOP_PORT = 9100


class Demo:
    def __init__(self, var: Path) -> None:
        self.folder = var / "demo"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.port = free_port() if port_taken("127.0.0.1", SHOP_PORT) else SHOP_PORT
        self.shop = f"http://127.0.0.1:{self.port}"

    def set_up(self, _: Connection) -> str:
        """Create demo people, agents, action types and policy, once; returns the log-ins to print."""
        django.setup()
        said = io.StringIO()
        call_command("demo_setup", str(self.folder), shop=self.shop, stdout=said)
        return said.getvalue().rstrip()

    @property
    def reachable(self) -> str:
        """`EGRESS_ALLOW` with the shop in it."""
        return ",".join(filter(None, [os.environ.get("EGRESS_ALLOW"), f"127.0.0.1:{self.port}"]))

    def commands(self, url: str) -> dict[str, list[str]]:
        """The processes by name; no agents where nobody gave them keys."""
        state, keys = self.folder / "shop.json", self.folder / "keys.json"
        shop = ["--port", str(self.port), "--state", str(state)]
        agents = ["--url", url, "--shop", self.shop, "--keys", str(keys)]
        commands = {"shop": [sys.executable, "-m", "demo.shop", *shop]}
        if keys.exists():
            commands["agents"] = [sys.executable, "-m", "demo.agents", *agents]
        return commands

    def environment(self) -> dict[str, str]:
        """The demo knows no secret of the product."""
        passed = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV"}
        return {**{name: os.environ[name] for name in passed & os.environ.keys()}, "PYTHONUNBUFFERED": "1"}
