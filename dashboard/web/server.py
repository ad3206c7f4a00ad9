"""The process: tables, what the node says, and the web server, until it is told to stop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn
from sqlalchemy import Engine

import text_output
from client.cli.common import NS_PER_S
from client.node.rpc import Rpc
from client.node.rpc_types import Json, parse_time_ns
from dashboard.model.days import Days
from dashboard.model.moment import Present
from dashboard.site import Site
from dashboard.web.app import Api, Origin, Rates
from dashboard.web.connections import HEAD_BYTES_MAX, Places, make_protocol
from dashboard.web.files import Files
from dashboard.web.sessions import Sessions
from dashboard.web.stream import Streams

NODE_TIMEOUT_S = 5.0
CLOSE_S = 3
# What waits to be accepted.
BACKLOG = 256


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where it listens, what readers see, and how slots are laid on days.

    midnight_slot: the slot that is shown at midnight, on a chain that is faster than real time;
    None: that of the node's first block. tls: files with certificate and key.
    """

    host: str
    port: int
    origin: Origin
    zone: ZoneInfo
    midnight_slot: int | None = None
    behind_proxy: bool = False
    tls: tuple[Path, Path] | None = None
    rates: Rates = field(default_factory=Rates)


def make_site(
    engine: Engine, node: str, settings: ServerSettings, get_time_s: Callable[[], int]
) -> Site:
    """What calls share; raises RpcError if the node does not respond."""
    rpc = Rpc(node, NODE_TIMEOUT_S)
    present = Present(rpc)
    moment = present.moment
    slot = settings.midnight_slot
    if slot is None:
        slot = rpc.read(_parse_first_time_s, "status", {}) // moment.slot_length_s
    days = Days.begin(settings.zone, moment.slot_length_s, moment.slot_stands_for_s, slot)
    name = settings.origin.url.partition("://")[2]
    return Site(name, engine, present, days, Sessions(engine, get_time_s), get_time_s)


def serve(site: Site, settings: ServerSettings, stop: threading.Event) -> None:
    """Serves until told to stop; OSError if the address cannot be listened on."""
    streams = Streams()
    api = Api(site, settings.origin, streams, Files(), settings.rates)
    site.present.listen(streams.wake)
    server = uvicorn.Server(_configure(api, settings))
    follower = threading.Thread(target=site.present.follow, args=(stop,), daemon=True)
    follower.start()

    async def run() -> None:
        serving = asyncio.ensure_future(server.serve())
        while not stop.is_set() and not serving.done():
            if server.started and not api.is_up:
                api.is_up = True
                text_output.say(f"Dashboard at {settings.origin.url}")
            await asyncio.sleep(0.1)
        streams.close()
        server.should_exit = True
        await serving

    asyncio.run(run())
    stop.set()
    follower.join()
    api.threads.shutdown(cancel_futures=True)


def get_time_s() -> int:
    """Seconds since 1970."""
    return time.time_ns() // NS_PER_S


def _configure(api: Api, settings: ServerSettings) -> uvicorn.Config:
    places = Places()
    if settings.behind_proxy:
        places.per_address_max = places.connections_max
    certificate, key = settings.tls or (None, None)
    return uvicorn.Config(
        api.make_app(),
        host=settings.host,
        port=settings.port,
        http=make_protocol(places),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_graceful_shutdown=CLOSE_S,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def _parse_first_time_s(result: Json) -> int:
    return parse_time_ns(result["sync_info"]["earliest_block_time"]) // NS_PER_S
