"""HOST:PORT, as every part of the project reads and writes it."""

from __future__ import annotations

import pytest

from net_address import HostPort, is_loopback, parse_host_port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:26657", ("127.0.0.1", 26657)),
        ("node1.example.org:0", ("node1.example.org", 0)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_what_is_read_is_written_the_same(text: str, expected: tuple[str, int]) -> None:
    assert parse_host_port(text) == expected
    assert str(HostPort(*expected)) == text


@pytest.mark.parametrize(
    "text",
    [
        *["", ":", "host", "host:", ":1", "host:x", "host:-1", "host:65536", "host:000080"],
        *[
            "host:٣",
            "::1:80",
            "[]:80",
            "[::1]",
            "[host]:80",
            "a@host:80",
            "tcp://host:80",
            "host/:80",
        ],
        "host:" + "9" * 5_000,
    ],
)
def test_everything_else_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        parse_host_port(text)


def test_loopback() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.0.2.1", "localhost.example.org", ""]))
