import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from demo.shop.server import ShopServer
from demo.shop.state import State


class OpenShop:
    """A shop on a free port, and a client for it."""

    def __init__(self, file: Path | None = None) -> None:
        self.server = ShopServer(("127.0.0.1", 0), State(file))
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        # Without TLS, whose certificates it would read anew for each shop.
        self.client = httpx.Client(base_url=self.url, timeout=10, verify=False)

    def at(self, order: dict, what: str = "") -> str:
        return f"/orders/{quote(order['id'], safe='')}{what}"

    def post(self, path: str, body: object, key: str | None = None) -> httpx.Response:
        return self.client.post(path, json=body, headers={"Idempotency-Key": key} if key else {})

    def get(self, path: str) -> dict:
        return self.client.get(path).json()

    def effects(self) -> list[tuple[str, str | None]]:
        return [(e["effect"], e["idempotency_key"]) for e in self.get("/ledger")["ledger"]]

    def order(self, *statuses: str) -> dict:
        return next(o for o in self.get("/orders")["orders"] if o["status"] in (statuses or ("delivered",)))

    def fail(self, **fault: object) -> httpx.Response:
        return self.client.put("/faults", json=fault)

    def close(self) -> None:
        self.client.close()
        self.server.stopping.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def open_shop() -> Iterator[Callable[..., OpenShop]]:
    """Opens a shop, on this state file if one is given; all are closed in the end."""
    opened: list[OpenShop] = []

    def open_one(file: Path | None = None) -> OpenShop:
        opened.append(OpenShop(file))
        return opened[-1]

    yield open_one
    for shop in opened:
        shop.close()


@pytest.fixture
def shop(open_shop: Callable[..., OpenShop]) -> OpenShop:
    return open_shop()
