"""The limits of the API: endpoints that write or read the same rows and check nothing.

Starlette, psycopg's asynchronous pool, one transaction. (In a pipeline it gets no faster.) What they are
given beside the request (which agent, which action type) stands in the environment: they look nothing up.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.routing import Route

from bench.bare_decide import decide
from bench.bare_list import listed
from bench.bare_submit import submit


@asynccontextmanager
async def _pool(app: Starlette) -> AsyncIterator[None]:
    async with AsyncConnectionPool(os.environ["DATABASE_URL"], min_size=4, max_size=10, open=False) as pool:
        app.state.pool = pool
        yield


application = Starlette(
    routes=[
        Route("/submit", submit, methods=["POST"]),
        Route("/proposals/{proposal:uuid}/decisions", decide, methods=["POST"]),
        Route("/proposals", listed),
    ],
    lifespan=_pool,
)
