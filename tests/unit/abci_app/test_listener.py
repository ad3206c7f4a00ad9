import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from abci_app.protocol.listener import AddressInUse, ListenError, open_listener


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "abci.sock"


def leave_stale_socket(path: Path) -> None:
    """What a server leaves behind when it is killed."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()


def test_a_unix_socket_belongs_to_its_owner_alone_and_goes_away(path: Path) -> None:
    listener = open_listener(f"unix://{path}")
    assert listener.address == f"unix://{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listener.close()
    assert not path.exists()


def test_the_socket_of_a_dead_server_is_replaced(path: Path) -> None:
    leave_stale_socket(path)
    listener = open_listener(f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        accepted = listener.accept()
        assert accepted is not None
        accepted.close()
    listener.close()


def test_the_socket_of_a_living_server_is_rejected_and_left_alone(path: Path) -> None:
    first = open_listener(f"unix://{path}")
    with pytest.raises(AddressInUse, match="Another server is listening"):
        open_listener(f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
    first.close()


def test_a_server_does_not_remove_a_socket_that_is_no_longer_its_own(path: Path) -> None:
    first = open_listener(f"unix://{path}")
    path.rename(path.with_suffix(".old"))
    second = open_listener(f"unix://{path}")
    first.close()
    assert path.exists()
    second.close()


def test_closing_twice_does_no_harm(path: Path) -> None:
    listener = open_listener(f"unix://{path}")
    listener.close()
    path.write_text("somebody else's")
    listener.close()
    assert path.exists()


def test_a_file_that_is_not_a_socket_is_kept(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ListenError, match="is not a socket"):
        open_listener(f"unix://{path}")
    assert path.read_text() == "precious"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="nowhere does not exist; create it"):
        open_listener(f"unix://{tmp_path}/nowhere/abci.sock")


def test_a_path_too_long_for_a_socket_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="too long"):
        open_listener(f"unix://{tmp_path}/{'x' * 120}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_rejected(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ListenError, match="Permission denied"):
        open_listener(f"unix://{tmp_path}/abci.sock")


def test_a_taken_port_is_rejected() -> None:
    first = open_listener("tcp://127.0.0.1:0")
    with pytest.raises(AddressInUse, match="Another program is using tcp://127"):
        open_listener(first.address)
    first.close()


def test_a_port_can_be_taken_again_at_once() -> None:
    first = open_listener("tcp://127.0.0.1:0")
    host, port = first.address.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))):
        accepted = first.accept()
        assert accepted is not None
        # The side that closes first is the one whose port the system keeps for a while.
        accepted.close()
    first.close()
    open_listener(first.address).close()


def test_localhost_and_ipv6_are_loopback() -> None:
    listener = open_listener("tcp://localhost:0")
    assert listener.address.startswith("tcp://127.0.0.1:")
    listener.close()
    if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
        listener = open_listener("tcp://[::1]:0")
        assert listener.address.startswith("tcp://[::1]:")
        listener.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "[::]"])
def test_an_address_that_others_can_reach_is_rejected(host: str) -> None:
    with pytest.raises(ListenError, match="not a loopback address"):
        open_listener(f"tcp://{host}:26658")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "abci.sock",
        "unix:/run/abci.sock",
        "tcp://127.0.0.1",
        "tcp://:26658",
        "http://127.0.0.1:1",
        "tcp://127.0.0.1:70000",
    ],
)
def test_an_address_of_another_form_is_rejected(address: str) -> None:
    with pytest.raises(ListenError, match="write unix:///path/to/socket or tcp://"):
        open_listener(address)


def test_interrupt_ends_accept_before_and_after(path: Path) -> None:
    listener = open_listener(f"unix://{path}")
    results: list[socket.socket | None] = []
    waiting = threading.Thread(target=lambda: results.append(listener.accept()))
    waiting.start()
    listener.interrupt()
    waiting.join(10)
    assert results == [None]
    assert listener.accept() is None
    listener.close()
    listener.interrupt()
