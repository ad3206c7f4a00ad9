"""Meters that report to an MQTT broker: Tasmota and its like, or by Home Assistant's discovery.

    topic       each message is a telegram, such as tele/+/SENSOR in the format tasmota
    discovery   devices announce under PREFIX/sensor/# which topic has which quantity
                (state_topic, unit, state class); a register that rises and counts Wh or kWh is
                import, or export if its name says received, returned, export or out

Without TLS the broker has to be on this machine.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meter_bridge.sources.source import Delivery, SourceError
from meter_bridge.sources.tcp import require_private
from net_address import parse_host_port

CONNECT_S, POLL_S = 10.0, 0.2
MESSAGE_BYTES_MAX, TOPICS_MAX = 64 * 1024, 1_000
EXPORT_WORDS = re.compile(r"received|return|export|_out|feed", re.IGNORECASE)
_PATH = re.compile(r"\{\{\s*value_json\.([A-Za-z0-9_]{1,64})\s*(?:\|[^{}]*)?\}\}")
ENERGY_UNITS = {"Wh": "0.001", "kWh": "1"}


@dataclass(frozen=True)
class Mqtt:
    """A subscription at a broker such as 127.0.0.1:1883."""

    broker: str
    topic: str = ""
    # The prefix of discovery, homeassistant at most places.
    discovery: str = ""
    # Of the device that is meant, if several announce themselves; part of its topic.
    device: str = ""
    user: str = ""
    password_file: Path | None = None
    tls_ca: Path | None = None

    # The broker is on this machine or behind TLS.
    is_protected = True

    def validate(self) -> None:
        host, _ = parse_host_port(self.broker)
        require_private(host, is_tls=self.tls_ca is not None)
        if bool(self.topic) == bool(self.discovery):
            raise ValueError("give either topic or discovery")

    def run(self, delivery: Delivery, stop: threading.Event) -> None:
        import paho.mqtt.client as paho

        host, port = parse_host_port(self.broker)
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if self.user:
            secret = self.password_file.read_text().strip() if self.password_file else None
            client.username_pw_set(self.user, secret)
        if self.tls_ca:
            client.tls_set_context(ssl.create_default_context(cafile=str(self.tls_ca)))
        session = _Session(self, delivery)
        client.on_connect = session.on_connect
        client.on_message = session.on_message
        client.on_disconnect = session.on_disconnect
        client.connect_timeout = CONNECT_S
        try:
            client.connect(host, port)
            client.loop_start()
            while not stop.is_set() and not session.failure:
                stop.wait(POLL_S)
        except (OSError, ValueError) as error:
            raise SourceError(f"The broker {self.broker} cannot be reached: {error}.") from error
        finally:
            client.disconnect()
            client.loop_stop()
        if session.failure:
            raise SourceError(f"The broker {self.broker} has ended: {session.failure}.")


@dataclass
class _Session:
    """One connection; its methods are called on the library's thread."""

    options: Mqtt
    delivery: Delivery
    failure: str = ""
    # By state topic: the path in its message, the name of the register, and the factor to kWh.
    announced: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    registers: dict[str, str] = field(default_factory=dict)

    def on_connect(self, client: Any, _: Any, __: Any, reason: Any, ___: Any) -> None:
        """Subscribes, once the broker has accepted the connection."""
        if reason.is_failure:
            self.failure = str(reason)
            return
        options = self.options
        client.subscribe(options.topic or f"{options.discovery}/sensor/#", qos=1)
        self.delivery.report("")

    def on_disconnect(self, _: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        """The connection has ended; the source is run again."""
        self.failure = self.failure or str(reason)

    def on_message(self, client: Any, _: Any, message: Any) -> None:
        """A telegram, an announcement, or the state of an announced device."""
        payload = bytes(message.payload)
        if len(payload) > MESSAGE_BYTES_MAX:
            return
        if not self.options.discovery:
            self.delivery.deliver(payload, int(time.time()))
        elif message.topic in self.announced:
            self._take_state(message.topic, payload)
        elif message.topic.endswith("/config") and self.options.device in message.topic:
            self._take_announcement(client, payload)

    def _take_announcement(self, client: Any, payload: bytes) -> None:
        try:
            told = json.loads(payload)
            topic, unit = told["state_topic"], told.get("unit_of_measurement", "")
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        is_register = told.get("state_class") == "total_increasing" or unit in ENERGY_UNITS
        if not isinstance(topic, str) or unit not in ENERGY_UNITS or not is_register:
            return
        found = _PATH.fullmatch(str(told.get("value_template", "")).strip())
        name = f"{told.get('name', '')} {topic}"
        register = "Total_out" if EXPORT_WORDS.search(name) else "Total_in"
        if len(self.announced) < TOPICS_MAX:
            row = (found[1] if found else "", register, ENERGY_UNITS[unit])
            rows = self.announced.setdefault(topic, [])
            if row not in rows:
                rows.append(row)
            client.subscribe(topic, qos=1)

    def _take_state(self, topic: str, payload: bytes) -> None:
        """Delivers the registers as a message of the format tasmota, once import is known."""
        from decimal import Decimal, InvalidOperation

        for path, register, factor in self.announced[topic]:
            try:
                value: Any = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
                value = value[path] if path else value
                number = Decimal(value) * Decimal(factor)
            except (ValueError, TypeError, KeyError, InvalidOperation, RecursionError):
                continue
            if number.is_finite():
                self.registers[register] = f"{number:f}"
        if "Total_in" in self.registers:
            shown = ", ".join(f'"{name}": {value}' for name, value in self.registers.items())
            self.delivery.deliver(f"{{{shown}}}".encode(), int(time.time()))
