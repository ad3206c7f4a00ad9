"""Where telegrams come from: one file and one row of SOURCES per transport.

The libraries that some of them need are the extra `meters`; they are imported when a source runs.
"""

from __future__ import annotations

from meter_bridge.sources.files import Files
from meter_bridge.sources.http_pull import HttpPull
from meter_bridge.sources.mqtt import Mqtt
from meter_bridge.sources.serial_port import SerialPort
from meter_bridge.sources.source import Delivery, Source, SourceError, run_again
from meter_bridge.sources.tcp import Tcp
from meter_bridge.sources.websocket import WebSocket

SOURCES: dict[str, type[Files | HttpPull | Mqtt | SerialPort | Tcp | WebSocket]] = {
    "serial": SerialPort,
    "tcp": Tcp,
    "mqtt": Mqtt,
    "http": HttpPull,
    "websocket": WebSocket,
    "files": Files,
}
# What each needs beside the standard library.
LIBRARIES = {"serial": "serial", "mqtt": "paho.mqtt.client", "websocket": "websockets.sync.client"}

__all__ = ["LIBRARIES", "SOURCES", "Delivery", "Source", "SourceError", "run_again"]
