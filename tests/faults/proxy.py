"""A wire between a worker and its database, which can be cut or go silent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any


class Proxy:
    """Takes TCP connections and hands them on to a Unix socket. Use it as a context."""

    def __init__(self, to: Path) -> None:
        self.to, self.port = to, 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._through = asyncio.Event()
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Proxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_: Any) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def cut(self) -> None:
        """End every connection, and each new one at once."""
        self._loop.call_soon_threadsafe(self._cut)

    def silence(self) -> None:
        """Let nothing through, and tell nobody."""
        self._loop.call_soon_threadsafe(self._through.clear)

    def heal(self) -> None:
        """Let everything through again. What was held back comes late, as it does in a network."""
        self._loop.call_soon_threadsafe(self._heal)

    async def _open(self) -> None:
        self._through.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def _heal(self) -> None:
        self._is_cut = False
        self._through.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            beyond, to = await asyncio.open_unix_connection(self.to)
        except OSError:  # the database is away
            writer.close()
            return
        self._writers |= {writer, to}
        await asyncio.gather(self._pass(reader, to), self._pass(beyond, writer))
        self._writers -= {writer, to}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                await self._through.wait()
                writer.write(piece)
                await writer.drain()
        writer.close()
