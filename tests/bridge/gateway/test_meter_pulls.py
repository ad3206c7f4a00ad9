"""HTTP, websockets and folders deliver what they have, from servers on this machine."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from meter_bridge.sources.files import Files
from meter_bridge.sources.http_pull import CURSOR, HttpPull
from meter_bridge.sources.websocket import WebSocket
from tests.bridge.certificates import Authority
from tests.bridge.gateway.taken import Taken, reading
from tests.bridge.waiting import wait_until
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import Shown

SHOWN = Shown()


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as a test wants."""

    def do_GET(self) -> None:
        status, headers, body = self.server.answer(self.path, self.headers)  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


Answer = Callable[[str, Any], tuple[int, dict[str, str], bytes]]


@contextmanager
def serving(answer: Answer, context: Any = None) -> Iterator[str]:
    """A server on loopback; its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.answer = answer  # type: ignore[attr-defined]
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class TestHttp:
    @pytest.fixture
    def key(self, tmp_path: Path) -> Path:
        path = tmp_path / "key"
        path.write_text("secret\n")
        return path

    def test_n3rgy(self, key: Path) -> None:
        """The published contract: key, path, times, and half hours as JSON."""
        asked: list[tuple[str, dict[str, list[str]]]] = []

        def answer(path: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
            parts = urlsplit(path)
            asked.append((parts.path, parse_qs(parts.query)))
            if headers["x-api-key"] != "secret":
                return 403, {}, b"{}"
            return 200, {}, written.make_n3rgy(SHOWN)

        with serving(answer) as url:
            source = HttpPull(url, "n3rgy", supply_point="1234567891002", key_file=key, days=13)
            with reading(source) as taken:
                wait_until(lambda: len(taken.telegrams) == 2)
        path, query = asked[0]
        assert path == "/mpxn/1234567891002/utility/electricity/readingtype/consumption"
        assert query["granularity"] == ["halfhour"] and query["outputFormat"] == ["json"]
        assert len(query["start"][0]) == len("202205161100")
        # The second call continues where the first one ended.
        assert asked[1][1]["start"] == query["end"]
        assert taken.cursors[CURSOR].isdigit()

    @pytest.mark.parametrize(
        ("status", "headers", "problem"),
        [
            (403, {}, "consent is missing"),
            (429, {"Retry-After": "7"}, "wants a pause of 7 s"),
            (500, {}, "status 500"),
        ],
    )
    def test_a_server_that_does_not_show_it(
        self, status: int, headers: dict[str, str], problem: str, key: Path
    ) -> None:
        with (
            serving(lambda *_: (status, headers, b"")) as url,
            reading(HttpPull(url, "n3rgy", supply_point="1", key_file=key)) as taken,
        ):
            wait_until(lambda: bool(taken.problems))
        assert problem in taken.problems[0] and not taken.cursors

    def test_what_is_not_understood_is_asked_for_again(self, key: Path) -> None:
        taken = Taken(understands=lambda _: False)
        with (
            serving(lambda *_: (200, {}, b"{}")) as url,
            reading(HttpPull(url, "green-button", key_file=key), taken),
        ):
            wait_until(lambda: bool(taken.problems))
        assert "cannot be used" in taken.problems[0] and not taken.cursors

    def test_ieee_2030_5_with_a_client_certificate(self, tmp_path: Path) -> None:
        import ssl

        authority = Authority(tmp_path, "home")
        server, client = (authority.issue(name, authority.path) for name in ("meter", "gateway"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(server.authority))
        context.load_cert_chain(server.certificate, server.key)
        context.verify_mode = ssl.CERT_REQUIRED
        values = {"/upt/1/mr/3": b"40808961", "/upt/1/mr/2": b"1250"}

        def answer(path: str, _: Any) -> tuple[int, dict[str, str], bytes]:
            head = b'<?xml version="1.0"?>\n<Reading xmlns="urn:ieee:std:2030.5:ns">'
            return 200, {}, head + b"<value>%s</value></Reading>" % values[path]

        with serving(answer, context) as url:
            options = {"import_path": "/upt/1/mr/3", "export_path": "/upt/1/mr/2"}
            source = HttpPull(
                url, "ieee-2030-5", **options, tls_ca=client.authority,
                tls_cert=client.certificate, tls_key=client.key,
            )  # fmt: skip
            with reading(source) as taken:
                wait_until(lambda: bool(taken.telegrams))
            stranger = HttpPull(url, "ieee-2030-5", **options, tls_ca=client.authority)
            with reading(stranger) as nothing:
                wait_until(lambda: bool(nothing.problems))
        assert not nothing.telegrams
        assert b"40808961" in taken.telegrams[0] and b"1250" in taken.telegrams[0]

    @pytest.mark.parametrize(
        ("url", "problem"),
        [("http://example.org", "TLS is required"), ("ftp://127.0.0.1", "https"), ("x", "https")],
    )
    def test_urls_that_are_not_called(self, url: str, problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            HttpPull(url, "ieee-2030-5", import_path="/x").validate()


def test_a_websocket(tmp_path: Path) -> None:
    from websockets.sync.server import ServerConnection, serve

    frame = written.make_sense(SHOWN).decode()
    token = tmp_path / "token"
    token.write_text("abc\n")
    paths: list[str] = []

    def feed(connection: ServerConnection) -> None:
        assert connection.request is not None
        paths.append(connection.request.path)
        connection.send('{"type": "hello", "payload": {}}')
        connection.send(frame)
        connection.recv()

    with serve(feed, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/monitors/7/realtimefeed"
        with reading(WebSocket(url, token_file=token)) as taken:
            wait_until(lambda: taken.telegrams == [frame.encode()])
        server.shutdown()
    assert paths == ["/monitors/7/realtimefeed?access_token=abc"]


def test_a_folder(tmp_path: Path) -> None:
    good = written.make_cmep(SHOWN)

    def drop(name: str, content: bytes, stated: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        digest = f"{hashlib.sha256(stated).hexdigest()}  {name}\n"
        (tmp_path / f"{name}.sha256").write_text(digest)

    drop("1.csv", good, good)
    drop("2.csv", good[:-1] + b"x", good)
    drop("3.csv", b"hello", b"hello")
    (tmp_path / "4.csv").write_bytes(good)
    taken = Taken(understands=good.__eq__)
    with reading(Files(tmp_path, "*.csv", every_s=1), taken):
        wait_until((tmp_path / "rejected" / "3.csv").exists)
    assert taken.telegrams == [good, b"hello"]
    assert any("2.csv is not what" in problem for problem in taken.problems)
    folders = [
        sorted(path.name for path in (tmp_path / name).glob("*.csv"))
        for name in ("done", "rejected", ".")
    ]
    # What has no digest yet may still be being written.
    assert folders == [["1.csv"], ["2.csv", "3.csv"], ["4.csv"]]
