"""Looking at the shop, as the demo agents' tools would."""

from typing import Any

import httpx

from demo.agents.log import say
from demo.agents.world import World


class Window:
    """The shop as last seen; while it is away, what was seen before."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=5)
        self._seen: World | None = None
        self._away = False

    async def look(self) -> World | None:
        """None as long as the shop has never been seen."""
        try:
            self._seen = World.of(*[await self._rows(name) for name in ("customers", "orders", "products")])
            self._away = False
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            if not self._away:
                say("demo shop", f"cannot be seen: {type(error).__name__}")
            self._away = True
        return self._seen

    async def _rows(self, name: str) -> list[dict[str, Any]]:
        response = await self._client.get(f"/{name}")
        rows: list[dict[str, Any]] = response.raise_for_status().json()[name]
        return rows
