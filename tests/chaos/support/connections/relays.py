"""TCP connections that pass through this program, which may delay, stall or cut them.

A relay listens on loopback and passes everything on to where it belongs. What a link does to it
may be changed at any time; nothing that TCP promises is broken: bytes come late or never, but
neither twice nor in another order. The relays run on a thread of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self

LOOPBACK = "127.0.0.1"
CHUNK_BYTES, CHUNKS_MAX = 65_536, 256

Connect = Callable[[], socket.socket]


class Link:
    """The way between two nodes, for all connections on it and in both directions."""

    def __init__(self, chance: random.Random) -> None:
        self.delay_s = 0.0
        # On top of the delay, anything from nothing to this.
        self.jitter_s = 0.0
        # Closed, connections are reset and rejected; silent, they stay and nothing comes through.
        self.is_closed = False
        self.flows = asyncio.Event()
        self.flows.set()
        self.connections: set[asyncio.StreamWriter] = set()
        self._chance = chance

    def choose_delay_s(self) -> float:
        """For one piece of what is sent."""
        return self.delay_s + self._chance.uniform(0.0, self.jitter_s)

    def reset(self) -> None:
        """Ends every connection at once."""
        for writer in self.connections:
            writer.transport.abort()


class Relays:
    """The thread with its relays; at the end of the block all connections are gone."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays")
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs something on the relays' thread, and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def add(self, link: Link, connect: Connect, port: int = 0) -> int:
        """A new relay to whatever `connect` connects to; gives the port that it listens at."""

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await relay(link, connect, reader, writer)

        async def listen() -> asyncio.Server:
            return await asyncio.start_server(take, LOOPBACK, port)

        server: asyncio.Server = self.do(listen())
        self._servers.append(server)
        number: int = server.sockets[0].getsockname()[1]
        return number

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def relay(
    link: Link, connect: Connect, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Passes on one connection, both ways, until either side ends it."""
    writers = {writer}
    try:
        if link.is_closed:
            return
        connection = await asyncio.to_thread(connect)
        far_reader, far_writer = await asyncio.open_connection(sock=connection)
        writers.add(far_writer)
        link.connections |= writers
        ways = [
            asyncio.create_task(pump(link, reader, far_writer)),
            asyncio.create_task(pump(link, far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    except OSError:
        # Nobody listens there now.
        return
    finally:
        link.connections -= writers
        for each in writers:
            each.transport.abort()


async def pump(link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes bytes on in their order, each piece after its delay, while the link lets them."""
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_MAX)
    loop = asyncio.get_running_loop()

    async def deliver() -> None:
        while True:
            due_s, piece = await waiting.get()
            if not piece:
                return
            await asyncio.sleep(due_s - loop.time())
            await link.flows.wait()
            writer.write(piece)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        with contextlib.suppress(OSError):
            while piece := await reader.read(CHUNK_BYTES):
                await waiting.put((loop.time() + link.choose_delay_s(), piece))
        await waiting.put((loop.time(), b""))
        with contextlib.suppress(OSError):
            await delivery
    finally:
        delivery.cancel()
