"""Assembles a gateway: sources, collectors, store and sender; and checks a configuration."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from blockenergy.bridge.v1.bridge_pb2 import HealthResponse

from client.errors import MissingError, UsageError
from client.node import chain_pin
from client.node.rpc import Rpc
from client.signing.keys import MeterKey
from meter_bridge.bridge import Bridge, Settings
from meter_bridge.chain.node import NodeChain
from meter_bridge.client.connection import MeterClient
from meter_bridge.formats.telegram import Secrets
from meter_bridge.gateway.collector import Collector, Fan, Terms
from meter_bridge.gateway.config import Gateway, MeterConfig, OwnBridge
from meter_bridge.gateway.sender import Sender
from meter_bridge.gateway.store import Store
from meter_bridge.keys import find_keyring, load_account_key, load_meter_key, load_telegram_key
from meter_bridge.sources import LIBRARIES, Source, run_again
from meter_bridge.tls import TlsFiles

log = logging.getLogger(__name__)

TICK_S = 1.0
DAY_S = 86_400
SLOT_LENGTH = "slot_length_s"
STOP_S = 5.0
PUBLIC_KEY_BYTES_MAX = 64 * 1024
# What reads the records of wireless M-Bus.
RECORDS = "pymbusparser"


class RunningGateway:
    """A gateway while the block runs. `fail` is told of an error after which it should stop.

    Errors: ClientError, StoreError, ListenError and others of a bridge, with a sentence.
    """

    def __init__(self, gateway: Gateway, fail: Callable[[Exception], None]) -> None:
        self._options = gateway.options
        self._stop = threading.Event()
        self._stack = ExitStack()
        self._keyring = find_keyring(gateway.meters[0][0].key, self._options.keyring).folder
        self._chain_id = chain_pin.choose(self._keyring, self._options.chain_id)
        loaded = [(meter, source, self._load(meter)) for meter, source in gateway.meters]
        self.store = Store(self._options.home, self._options.waiting_max)
        self._stack.callback(self.store.close)
        kept = self.store.get_note(SLOT_LENGTH)
        self._slot_length_s = self._options.slot_length_s or int(kept or 0)
        # Why the bridge is not ours, in one sentence.
        self._mismatch = ""
        # Meters with the same source share it.
        counts = Counter(source for _, source, _ in loaded)
        self.collectors = [
            Collector(
                meter,
                key,
                secrets,
                self.store,
                self.get_terms,
                is_protected=source.is_protected,
                is_shared=counts[source] > 1,
            )
            for meter, source, (key, secrets) in loaded
        ]
        self._sources: dict[Source, list[Collector]] = {}
        for (_, source, _), collector in zip(loaded, self.collectors, strict=True):
            self._sources.setdefault(source, []).append(collector)
        connect = self._prepare_bridge(gateway, fail)
        self.sender = Sender(self.store, connect, self._take_health)

    def __enter__(self) -> Self:
        self.sender.start()
        threads = [
            threading.Thread(
                target=run_again,
                args=(source, Fan(collectors), self._stop),
                name=f"source {collectors[0].meter.id}",
                daemon=True,
            )
            for source, collectors in self._sources.items()
        ]
        threads.append(threading.Thread(target=self._tick, name="tick", daemon=True))
        for thread in threads:
            thread.start()
        self._threads = threads
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        end_s = time.monotonic() + STOP_S
        for thread in self._threads:
            thread.join(max(0.0, end_s - time.monotonic()))
        self.sender.stop()
        self._stack.close()

    def get_terms(self) -> Terms | None:
        """What is known of the chain; None until the bridge was reached once."""
        if not self._slot_length_s:
            return None
        return Terms(self._chain_id, self._slot_length_s, self._options.tolerance_s)

    def _take_health(self, health: HealthResponse) -> bool:
        """Learns the length of a slot; whether the bridge serves our chain and has reached it."""
        if not health.slot_length_s:
            return False
        problem = ""
        if health.chain_id != self._chain_id:
            problem = f"The bridge serves chain {health.chain_id}, not {self._chain_id}."
        elif self._options.slot_length_s not in (0, health.slot_length_s):
            problem = f"A slot lasts {health.slot_length_s} s, not slot_length_s."
        elif health.slot_length_s != self._slot_length_s:
            self._slot_length_s = health.slot_length_s
            self.store.keep_note(SLOT_LENGTH, str(health.slot_length_s))
        if problem and problem != self._mismatch:
            log.error("readings are not sent: %s", problem)
        self._mismatch = problem
        return not problem

    def _tick(self) -> None:
        pruned_s = 0.0
        while not self._stop.wait(TICK_S):
            for collector in self.collectors:
                collector.tick(int(time.time()))
            if time.monotonic() - pruned_s > DAY_S:
                pruned_s = time.monotonic()
                self.store.forget_raw(int(time.time()) - self._options.raw_days * DAY_S)

    def _load(self, meter: MeterConfig) -> tuple[MeterKey, Secrets]:
        keyring = self._options.keyring
        return load_meter_key(meter.key, keyring), load_secrets(meter, keyring)

    def _prepare_bridge(
        self, gateway: Gateway, fail: Callable[[Exception], None]
    ) -> Callable[[], MeterClient]:
        """How to connect to the bridge, which runs in this process if it is configured so."""
        if gateway.own_bridge is None:
            files = gateway.tls
            tls = TlsFiles(files.cert, files.key, files.ca) if files else None
            target = self._options.bridge
            assert isinstance(target, str)
            return lambda: MeterClient(target, tls)
        bridge = self._stack.enter_context(self._make_bridge(gateway.own_bridge, fail))
        return lambda: MeterClient(f"127.0.0.1:{bridge.port}")

    def _make_bridge(self, own: OwnBridge, fail: Callable[[Exception], None]) -> Bridge:
        key = load_account_key(own.key, self._options.keyring)
        settings = Settings(own.home, listen="127.0.0.1:0")
        return Bridge(settings, NodeChain(Rpc(own.node), key, self._chain_id), fail)


def load_secrets(meter: MeterConfig, keyring: Path | None) -> Secrets:
    """Keys that open or verify a meter's telegrams. Errors: ClientError."""
    ciphers = [
        load_telegram_key(name, keyring).secret if name else b""
        for name in (meter.encryption_key, meter.authentication_key, meter.master_key)
    ]
    public = b""
    if meter.public_key:
        try:
            with Path(meter.public_key).open("rb") as file:
                public = file.read(PUBLIC_KEY_BYTES_MAX)
        except OSError as error:
            raise MissingError(f"{meter.public_key} cannot be read: {error.strerror}") from error
    return Secrets(ciphers[0], ciphers[1], public, ciphers[2])


def check_gateway(gateway: Gateway) -> list[str]:
    """What a gateway would read, one line for each meter; touches neither meters nor the bridge.

    Errors: ClientError if a key or a library is missing.
    """
    lines = []
    options = gateway.options
    chain_pin.choose(
        find_keyring(gateway.meters[0][0].key, options.keyring).folder, options.chain_id
    )
    for meter, _ in gateway.meters:
        key = load_meter_key(meter.key, options.keyring)
        load_secrets(meter, options.keyring)
        require_library(meter)
        kind = str(meter.source["type"])
        lines.append(f"{meter.id}: {meter.format} by {kind}, signed by {key.pub_key.hex()}")
    return lines


def require_library(meter: MeterConfig) -> None:
    """Errors: UsageError if the source needs the extra that is not installed."""
    needed = [
        LIBRARIES.get(str(meter.source["type"])),
        RECORDS if meter.format == "wmbus" else None,
    ]
    for name in filter(None, needed):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UsageError(
                f"meter {meter.id}: its source needs the extra `meters`; "
                "pip install 'blockenergy[meters]'"
            ) from error
