"""Serial ports, TCP and MQTT deliver what meters send, over the transports of this machine."""

from __future__ import annotations

import json
import os
import pty
import shutil
import socket
import socketserver
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meter_bridge.sources.mqtt import Mqtt
from meter_bridge.sources.serial_port import SerialPort, add_parity
from meter_bridge.sources.tcp import Tcp
from tests.bridge.gateway.taken import reading
from tests.bridge.waiting import wait_until
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import Shown

SHOWN = Shown()
SML, READOUT = written.make_sml(SHOWN), written.make_iec_62056_21(SHOWN)
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class TestSerialPort:
    @pytest.fixture
    def meter(self) -> Iterator[tuple[int, str]]:
        """The meter's end of a cable, and the name of the port at the other."""
        ours, theirs = pty.openpty()
        tty.setraw(ours)
        tty.setraw(theirs)
        yield ours, os.ttyname(theirs)
        os.close(ours)
        os.close(theirs)

    def test_a_meter_that_sends_by_itself(self, meter: tuple[int, str]) -> None:
        ours, device = meter
        pause = threading.Event()
        with reading(SerialPort(device, baud=9600)) as taken:
            # What comes before the port is open is lost, as it is with a real meter.
            for _ in range(30):
                os.write(ours, SML[:100])
                os.write(ours, SML[100:])
                pause.wait(0.7)
                if len(taken.telegrams) > 1:
                    break
        assert set(taken.telegrams) == {SML}

    @pytest.mark.parametrize("echo", [b"", b"/?!\r\n"])
    def test_a_meter_that_is_asked(self, meter: tuple[int, str], echo: bytes) -> None:
        """Mode C: sign-on, identification, acknowledgement, another speed, readout."""
        ours, device = meter
        said: list[bytes] = []

        def be_a_meter() -> None:
            said.append(read_line(ours))
            os.write(ours, add_parity(echo + b"/LGZ5ZMF100AC.M26\r\n"))
            said.append(read_line(ours))
            os.write(ours, add_parity(READOUT[READOUT.index(b"\x02") :]))

        thread = threading.Thread(target=be_a_meter, daemon=True)
        thread.start()
        with reading(SerialPort(device, mode="sign-on", every_s=1000)) as taken:
            wait_until(lambda: len(taken.telegrams) == 1)
        assert said == [b"/?!\r\n", b"\x06050\r\n"]
        assert taken.telegrams[0] == READOUT.replace(b"/LGZ4", b"/LGZ5")

    def test_a_meter_that_does_not_answer(self, meter: tuple[int, str]) -> None:
        with reading(SerialPort(meter[1], mode="sign-on")) as taken:
            wait_until(lambda: bool(taken.problems))
        assert "does not answer" in taken.problems[0]

    def test_a_port_that_is_not_there(self, tmp_path: Path) -> None:
        with reading(SerialPort(str(tmp_path / "none"))) as taken:
            wait_until(lambda: bool(taken.problems))
        assert "cannot be used" in taken.problems[0]


def read_line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += bytes([os.read(descriptor, 1)[0] & 0x7F])
    return line


def test_a_tcp_connection_that_ends_is_opened_again() -> None:
    class Meter(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(SML)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Meter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with reading(Tcp(f"127.0.0.1:{server.server_address[1]}")) as taken:
            wait_until(lambda: any("closed" in problem for problem in taken.problems))
            server.shutdown()


def test_a_tcp_stream() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with server, reading(Tcp(f"127.0.0.1:{server.getsockname()[1]}")) as taken:
        connection, _ = server.accept()
        with connection:
            connection.sendall(SML)
            wait_until(lambda: taken.telegrams == [SML])
            connection.sendall(SML)
            wait_until(lambda: taken.telegrams == [SML, SML])


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
class TestMqtt:
    @pytest.fixture
    def broker(self, tmp_path: Path) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = tmp_path / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        assert MOSQUITTO is not None
        process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: is_open(port))
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()

    @pytest.fixture
    def publish(self, broker: str) -> Iterator[Callable[[str, object], None]]:
        from paho.mqtt import client as paho

        host, port = broker.split(":")
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.connect(host, int(port))
        client.loop_start()

        def send(topic: str, content: object) -> None:
            payload = content if isinstance(content, bytes) else json.dumps(content)
            # Kept by the broker, so that it reaches a reader that comes later.
            client.publish(topic, payload, qos=1, retain=True).wait_for_publish(20)

        yield send
        client.disconnect()
        client.loop_stop()

    def test_a_topic(self, broker: str, publish: Callable[[str, object], None]) -> None:
        telegram = written.make_tasmota(SHOWN)
        publish("tele/cellar/SENSOR", telegram)
        publish("tele/cellar/STATE", {"Wifi": 1})
        with reading(Mqtt(broker, topic="tele/+/SENSOR")) as taken:
            wait_until(lambda: taken.telegrams == [telegram])

    def test_discovery(self, broker: str, publish: Callable[[str, object], None]) -> None:
        for name, topic in (("Energy Delivered", "delivered"), ("Energy Received", "received")):
            publish(
                f"homeassistant/sensor/xcel_itron_5/{topic}/config",
                {
                    "name": name,
                    "state_topic": f"itron/{topic}",
                    "unit_of_measurement": "Wh",
                    "state_class": "total_increasing",
                    "value_template": "{{ value_json.value | float }}",
                },
            )
        publish("homeassistant/sensor/other/power/config", {"state_topic": 7})
        publish("homeassistant/sensor/broken/config", b"{")
        publish("itron/delivered", {"value": 40808961})
        publish("itron/received", {"value": 1250})
        expected = b'{"Total_in": 40808.961, "Total_out": 1.250}'
        with reading(Mqtt(broker, discovery="homeassistant", device="xcel_itron")) as taken:
            wait_until(lambda: any(sorted(one) == sorted(expected) for one in taken.telegrams))

    def test_a_broker_that_is_not_there(self) -> None:
        with reading(Mqtt("127.0.0.1:1", topic="x")) as taken:
            wait_until(lambda: bool(taken.problems))
        assert "cannot be reached" in taken.problems[0]


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
