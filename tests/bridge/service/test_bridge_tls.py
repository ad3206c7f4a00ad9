"""Where a bridge may listen and whom it serves: loopback, TLS, certificates."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from blockenergy.bridge.v1 import bridge_pb2

from meter_bridge.bridge import Bridge, Settings
from meter_bridge.client import (
    BridgeUnreachableError,
    MeterClient,
    TlsError,
    TlsFiles,
)
from meter_bridge.tls import MissingFileError
from tests.bridge.certificates import Authority
from tests.bridge.fakes import (
    FakeChain,
    make_reading,
)
from tests.bridge.service.serving import connect, require_no_failure, running


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:26690", "example.org:26690"])
def test_plain_text_is_allowed_on_loopback_only(
    tmp_path: Path, chain: FakeChain, listen: str
) -> None:
    with pytest.raises(TlsError, match="so TLS is required"):
        Bridge(Settings(tmp_path, listen), chain, require_no_failure)
    with pytest.raises(TlsError, match="is not a loopback address"):
        MeterClient(listen)


@pytest.mark.parametrize("listen", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", ":26690"])
def test_malformed_address_is_rejected(tmp_path: Path, chain: FakeChain, listen: str) -> None:
    with pytest.raises(TlsError, match="is not HOST:PORT"):
        Bridge(Settings(tmp_path, listen), chain, require_no_failure)


class Tls:
    """A CA for the bridge, one for its clients, and an untrusted one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = Authority(folder, "servers")
        self.clients = Authority(folder, "clients")
        self.untrusted = Authority(folder, "untrusted")
        self.bridge = self.servers.issue("bridge", self.clients.path)


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return Tls(tmp_path)


def test_client_with_a_certificate_is_served(tmp_path: Path, chain: FakeChain, tls: Tls) -> None:
    gateway = tls.clients.issue("gateway", tls.servers.path)
    with (
        running(tmp_path, chain, tls=tls.bridge) as bridge,
        connect(bridge, gateway) as client,
    ):
        assert client.push_reading(make_reading()).result == bridge_pb2.PUSH_ACCEPTED


def test_others_are_not_served(tmp_path: Path, chain: FakeChain, tls: Tls) -> None:
    others = {
        "plain": None,
        "untrusted": tls.untrusted.issue("untrusted", tls.servers.path),
        "of the servers": tls.servers.issue("server", tls.servers.path),
        "who trusts another bridge": tls.clients.issue("gateway", tls.untrusted.path),
    }
    with running(tmp_path, chain, tls=tls.bridge) as bridge:
        for name, files in others.items():
            with connect(bridge, files) as client:
                with pytest.raises(BridgeUnreachableError, match="check the certificates"):
                    client.push_reading(make_reading())
                assert bridge.get_health().backlog == 0, name


def test_unusable_certificates_are_reported_in_one_sentence(
    tmp_path: Path, chain: FakeChain, tls: Tls
) -> None:
    good = tls.bridge
    other = tls.servers.issue("other", tls.clients.path)
    missing = tmp_path / "missing.pem"
    cases: Iterable[tuple[TlsFiles, type[TlsError], str]] = [
        (TlsFiles(missing, good.key, good.authority), MissingFileError, "cannot be read"),
        (TlsFiles(good.key, good.key, good.authority), TlsError, "is not a PEM certificate"),
        (TlsFiles(good.certificate, good.certificate, good.authority), TlsError, "private key"),
        (TlsFiles(good.certificate, other.key, good.authority), TlsError, "does not match the"),
        (tls.servers.issue("old", tls.clients.path, days=-1), TlsError, "expired on"),
    ]
    for files, kind, sentence in cases:
        with pytest.raises(kind, match=sentence) as rejected:
            Bridge(Settings(tmp_path, "127.0.0.1:0", tls=files), chain, require_no_failure)
        assert "\n" not in str(rejected.value)
