r"""A meter at a serial port: one that sends by itself, or one of IEC 62056-21 that is asked.

push       P1, SML, HDLC: telegrams with silence between them
sign-on    /?!\r\n at 300 baud; the meter says who it is and how fast it can be; an
           acknowledgement, a change of speed, and the readout (mode C); or the readout at
           once, at the speed it has or at the one it announces (modes A and B)

Seven bits with even parity, as IEC 62056-21 has them, look like eight without on the wire. So the
port is always opened with eight, and parity is made and checked here: it works on ports and
adapters that know no parity, and a byte whose parity is wrong is not taken.
"""

from __future__ import annotations

import termios
import threading
import time
from dataclasses import dataclass
from typing import Any

from meter_bridge.sources.source import (
    BURST_BYTES_MAX,
    Delivery,
    SourceError,
    deliver_bursts,
)

MODES = ("push", "sign-on")
SILENCE_S, ANSWER_S = 0.3, 2.0
# A readout at 300 baud takes long.
READOUT_S = 90.0
REQUEST, ACKNOWLEDGE = b"/?!\r\n", b"\x06"
ETX = 0x03
SIGN_ON_BAUD = 300
# By the fifth character of an identification: modes C, and B.
MODE_C = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}
MODE_B = {"A": 600, "B": 1200, "C": 2400, "D": 4800, "E": 9600, "F": 19200}
# A meter changes its speed 200 ms after the acknowledgement at the earliest.
CHANGE_S = 0.25
FRAMINGS = ("8N1", "7E1")


@dataclass(frozen=True)
class SerialPort:
    """A serial port; `device` as in /dev/serial/by-id."""

    device: str
    mode: str = "push"
    baud: int = 0
    framing: str = ""
    # Of sign-on: how often the meter is read, and by which address it is called.
    every_s: int = 60
    address: str = ""

    # A cable, so nobody else is on it; but nothing detects a changed bit.
    is_protected = False

    def validate(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        if self.framing and self.framing not in FRAMINGS:
            raise ValueError(f"framing is one of {', '.join(FRAMINGS)}")
        if not 0 <= self.baud <= 4_000_000 or not 1 <= self.every_s <= 86_400:
            raise ValueError("baud is at most 4000000, every_s 1 to 86400")
        if self.address and not (self.address.isascii() and self.address.isalnum()):
            raise ValueError("address is made of letters and digits")

    def run(self, delivery: Delivery, stop: threading.Event) -> None:
        import serial

        is_push = self.mode == "push"
        baud = self.baud or (115_200 if is_push else SIGN_ON_BAUD)
        try:
            with serial.Serial(self.device, baud, timeout=SILENCE_S, exclusive=True) as port:
                if is_push:
                    deliver_bursts(lambda: self._read(port), delivery, stop, time.time)
                while not stop.is_set():
                    delivery.deliver(self._sign_on(port, baud), int(time.time()))
                    delivery.report("")
                    stop.wait(self.every_s)
        except (OSError, termios.error, serial.SerialException) as error:
            raise SourceError(f"The serial port {self.device} cannot be used: {error}.") from error

    def _sign_on(self, port: Any, baud: int) -> bytes:
        """One readout. Errors: SourceError if the meter does not answer."""
        port.baudrate = baud
        port.reset_input_buffer()
        self._write(port, REQUEST.replace(b"?", b"?" + self.address.encode()))
        identification = self._read_line(port)
        speed = identification[4:5].decode("ascii", "replace")
        if speed in MODE_C:
            self._write(port, ACKNOWLEDGE + b"0" + speed.encode() + b"0\r\n")
            time.sleep(CHANGE_S)
            port.baudrate = MODE_C[speed]
        elif speed in MODE_B:
            time.sleep(CHANGE_S)
            port.baudrate = MODE_B[speed]
        return identification + self._read_block(port)

    def _write(self, port: Any, content: bytes) -> None:
        port.write(add_parity(content) if self._has_parity() else content)
        port.flush()

    def _read(self, port: Any, count: int = 0) -> bytes:
        """What has arrived, after waiting for it; nothing after a silence."""
        content = bytes(port.read(count or max(1, port.in_waiting)))
        return take_parity(content) if self._has_parity() else content

    def _has_parity(self) -> bool:
        return (self.framing or ("8N1" if self.mode == "push" else "7E1")) == "7E1"

    def _read_line(self, port: Any) -> bytes:
        """The identification, behind the echo that optical heads give."""
        end_s = time.monotonic() + ANSWER_S
        line = b""
        while time.monotonic() < end_s:
            line += self._read(port, 1)
            if line.endswith(b"\n"):
                found = line.rfind(b"/")
                if found >= 0 and not line[found:].startswith(b"/?"):
                    return line[found:]
                line = b""
        raise SourceError(f"The meter at {self.device} does not answer a sign-on.")

    def _read_block(self, port: Any) -> bytes:
        """Up to the block check, or to a silence behind the last line."""
        end_s = time.monotonic() + READOUT_S
        block, last_s = bytearray(), time.monotonic()
        while time.monotonic() < end_s and len(block) < BURST_BYTES_MAX:
            chunk = self._read(port)
            block += chunk
            if chunk:
                last_s = time.monotonic()
            elif time.monotonic() - last_s > ANSWER_S:
                break
            if len(block) > 1 and ETX in block[:-1]:
                return bytes(block[: block.index(ETX) + 2])
        return bytes(block)


def add_parity(content: bytes) -> bytes:
    """Seven-bit characters with an eighth bit that makes the number of ones even."""
    return bytes(one | (one.bit_count() & 1) << 7 for one in content)


def take_parity(content: bytes) -> bytes:
    """The characters again. Errors: SourceError if one has an odd number of ones."""
    if any(one.bit_count() & 1 for one in content):
        raise SourceError("A character from the serial port has the wrong parity; it was altered.")
    return bytes(one & 0x7F for one in content)
