"""A RabbitMQ node of the tests' own, where Debian's `rabbitmq-server` is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewapp.embedded.credentials import free_port

# Not the one in the path, which is for root and rabbitmq alone and goes to their folders.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = SERVER.with_name("rabbitmqctl")
MEMORY = "512MB"
SECONDS = 60.0  # until it listens, on a machine that is very slow
CONFIG = """
listeners.tcp.1 = 127.0.0.1:{port}
log.file = false
log.console = true
vm_memory_high_watermark.absolute = {memory}
disk_free_limit.absolute = 1MB
"""


class Node:
    """One node, whose data, ports, name, cookie and port mapper are its own; it needs no rights."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.mapper = folder, free_port(), free_port()
        (folder / "rabbitmq.conf").write_text(CONFIG.format(port=self.port, memory=MEMORY))
        (folder / "plugins").write_text("[].")
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        # Otherwise the node would leave one behind.
        self._run("epmd", "-port", str(self.mapper), "-address", "127.0.0.1")
        self.start_again()

    def start_again(self) -> None:
        """Start it, once its mapper is there, and wait until it listens."""
        node = self._run(SERVER)
        deadline = time.monotonic() + SECONDS
        while not _listens(self.port):
            if node.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "log").read_text())
            time.sleep(0.05)

    def stop(self) -> None:
        for process in reversed(self._started):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._started.clear()

    def kill(self) -> None:
        """End it as a crash does; its mapper stays."""
        node = self._started.pop()
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()
        while _listens(self.port):  # its child has the port
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        """Send the node itself a signal."""
        os.killpg(self._started[-1].pid, number)

    def may_use(self, memory: str) -> None:
        """Set the memory beyond which it takes nothing any more."""
        name, cookie = self._name, f"tests-{self.port}"
        how = ["-n", name, "--erlang-cookie", cookie, "set_vm_memory_high_watermark", "absolute", memory]
        environment = self._environment()
        subprocess.run([CONTROL, *how], env=environment, cwd=self.folder, capture_output=True, check=True)

    @property
    def _name(self) -> str:
        return f"tests-{self.port}@localhost"

    def _run(self, *command: str | Path) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            how: dict[str, Any] = {"env": self._environment(), "cwd": self.folder, "start_new_session": True}
            process = subprocess.Popen(command, stdout=log, stderr=log, **how)
        self._started.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        small = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
        return {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_BASE": folder,
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/config",
            "RABBITMQ_LOG_BASE": f"{folder}/logs",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_SCHEMA_DIR": f"{folder}/schema",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{small} -setcookie tests-{self.port}",
        }


def _listens(port: int) -> bool:
    with socket.socket() as asked:
        asked.settimeout(1)
        return asked.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A running node; without RabbitMQ the test is left out, and fails in CI."""
    if not SERVER.exists() or not shutil.which("epmd"):
        told = "RabbitMQ is not installed (Debian: apt install --no-install-recommends rabbitmq-server)."
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    node = Node(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield node
    finally:
        node.stop()
