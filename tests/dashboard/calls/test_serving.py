"""How the dashboard may be served, and what a slow or silent client costs."""

from __future__ import annotations

import argparse
import contextlib
import socket
import time
from pathlib import Path

import pytest
from served import DEADLINE_S, serving
from street_node import StreetNode

from client.errors import MissingError, UsageError
from dashboard.cli import serve as serve_commands
from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import open_tables
from dashboard.web import server
from dashboard.web.connections import Places
from tests.support.world import World


def read(*options: str) -> server.ServerSettings:
    parser = argparse.ArgumentParser()
    serve_commands.fill(parser)
    return serve_commands.read_settings(parser.parse_args(["--tables", "t", *options]))


def test_what_is_not_safe_is_rejected_before_anything_listens(tmp_path: Path) -> None:
    for options, sentence in [
        (["--listen", "0.0.0.0:8080"], "is not this machine only"),
        (["--listen", "[::]:8080"], "is not this machine only"),
        (["--listen", "power.example.org:8080"], "is not this machine only"),
        (["--listen", "127.0.0.1:0"], "a port that stays"),
        (["--origin", "http://power.example.org"], "need https"),
        (["--origin", "https://power.example.org/x"], "is not one such as"),
        (["--tls-cert", str(tmp_path / "c")], "belong together"),
        (["--zone", "../x"], "is not a time zone"),
    ]:
        with pytest.raises(UsageError, match=sentence):
            read(*options)


def test_by_tls_the_cookie_is_bound_to_the_host() -> None:
    plain, proxied = read(), read("--origin", "https://power.example.org", "--behind-proxy")
    assert plain.origin.hosts == {"127.0.0.1:8080", "localhost:8080"}
    ported = read("--origin", "https://power.example.org:8443", "--behind-proxy")
    assert ported.origin.hosts == {"power.example.org:8443"}
    assert (plain.origin.cookie, plain.origin.is_secure) == ("session", False)
    assert proxied.origin.hosts == {"power.example.org"}
    assert (proxied.origin.cookie, proxied.origin.is_secure) == ("__Host-session", True)


def send_slowly(connection: socket.socket) -> None:
    """A head that goes on for as long as it may."""
    connection.sendall(b"GET /api/v1/chain HTTP/1.1\r\n")
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        connection.sendall(b"X-More: 1\r\n")
        time.sleep(0.05)


def test_a_request_that_does_not_come_holds_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "Places", lambda: Places(request_s=0.5))
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        with serving(node, open_tables(tmp_path / "t.sqlite", SERVER_METADATA)) as served:
            port = int(served.url.rpartition(":")[2])
            silent, slow = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                send_slowly(slow)
            silent.settimeout(DEADLINE_S)
            with contextlib.suppress(ConnectionResetError):
                assert silent.recv(1) == b""
            assert served.browser().call("chain")[0] == 200


def test_a_password_is_in_no_sentence() -> None:
    with pytest.raises(MissingError, match="cannot be used") as raised:
        open_tables("postgresql://anna:secret@127.0.0.1:1/street")
    assert "secret" not in raised.value.sentence
