"""The address at which the server listens: a unix socket, or a TCP port of this machine.

ABCI knows no passwords, so nobody else may reach it: a unix socket belongs to its owner alone
(mode 0600), and a TCP address must be a loopback address. A unix socket that a dead server left
behind is replaced; one that a running server uses is an error.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import stat
from pathlib import Path

from net_address import LOOPBACK, HostPort, is_loopback, parse_host_port

BACKLOG = 128
PROBE_TIMEOUT_S = 1.0


class ListenError(Exception):
    """The server cannot listen at an address. The text is a sentence that says what to do."""


class AddressInUse(ListenError):  # noqa: N818, the name reads as the sentence does.
    """Another server listens at the address."""


class Listener:
    """A socket that listens. `address` has the form that CometBFT's `proxy_app` takes."""

    def __init__(self, listening: socket.socket, address: str, path: Path | None = None) -> None:
        self.address = address
        self._socket = listening
        self._path = path
        self._inode = get_inode(path)
        self._wake_sender, self._wake_receiver = socket.socketpair()

    def accept(self) -> socket.socket | None:
        """Waits for the next peer; gives None as soon as `interrupt` has been called.

        Errors: OSError when the machine has no file descriptor left for the peer.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._wake_receiver, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select()]
        if self._wake_receiver in ready:
            return None
        peer, _ = self._socket.accept()
        if peer.family != socket.AF_UNIX:
            # A reply must not wait for the acknowledgement of the one before.
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer

    def interrupt(self) -> None:
        """Makes every `accept`, now and later, return at once."""
        with contextlib.suppress(OSError):
            self._wake_sender.send(b"\0")

    def close(self) -> None:
        """Stops listening and removes the unix socket. Nobody may be in `accept` any more."""
        # The file goes first: while the socket listens, no other server takes the path over.
        if self._path is not None and get_inode(self._path) == self._inode:
            self._path.unlink(missing_ok=True)
        self._path = None
        for each in (self._socket, self._wake_sender, self._wake_receiver):
            each.close()


def open_listener(address: str) -> Listener:
    """Listens at `unix:///path/to/socket` or `tcp://127.0.0.1:26658`; port 0 takes a free one.

    Errors: ListenError, AddressInUse.
    """
    scheme, _, place = address.partition("://")
    with contextlib.suppress(ValueError):
        if scheme == "unix" and place:
            return open_unix_listener(Path(place))
        if scheme == "tcp":
            return open_tcp_listener(parse_host_port(place))
    raise ListenError(
        f"The address {address!r} is not one to listen at; "
        "write unix:///path/to/socket or tcp://127.0.0.1:26658."
    )


def open_unix_listener(path: Path) -> Listener:
    """Listens at a unix socket that only this user may open."""
    clear_stale_socket(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        # Nobody can connect before listen(), so the mode is never open for a moment.
        path.chmod(0o600)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise make_unix_error(path, error) from error
    return Listener(listening, f"unix://{path}", path)


def clear_stale_socket(path: Path) -> None:
    """Removes a socket nobody listens at; fails for one that is in use, and for any other file."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"{path} exists and is not a socket; move it away or choose another.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        result = probe.connect_ex(str(path))
    if result == errno.ECONNREFUSED:
        path.unlink(missing_ok=True)
    elif result == errno.EACCES:
        raise ListenError(f"The socket {path} belongs to another user; choose another path.")
    elif result != errno.ENOENT:
        raise AddressInUse(
            f"Another server is listening at {path}; stop it first or choose another path."
        )


def make_unix_error(path: Path, error: OSError) -> ListenError:
    """Puts the reason why a unix socket could not be made into a sentence."""
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(f"Another server has just begun to listen at {path}; stop it first.")
    if error.errno == errno.ENOENT:
        return ListenError(f"The folder {path.parent} does not exist; create it first.")
    if "too long" in str(error):
        return ListenError(
            f"The path {path} is too long for a socket; choose one of at most 100 characters."
        )
    return ListenError(f"The socket {path} cannot be made: {error.strerror}.")


def open_tcp_listener(address: HostPort) -> Listener:
    """Listens at a TCP port of a loopback address."""
    if not is_loopback(address.host):
        raise ListenError(
            f"{address.host} is not a loopback address; ABCI has no passwords, so use 127.0.0.1, "
            "::1 or a unix socket."
        )
    if address.host == "localhost":
        address = address._replace(host=LOOPBACK)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connection has just closed can be taken again at once.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"Another program is using tcp://{address}; stop it or choose another port."
            ) from error
        raise ListenError(
            f"The address tcp://{address} cannot be used: {error.strerror}."
        ) from error
    taken = address._replace(port=listening.getsockname()[1])
    return Listener(listening, f"tcp://{taken}")


def get_inode(path: Path | None) -> int:
    """The number that tells a file from a later one of the same name; 0 when there is none."""
    try:
        return path.lstat().st_ino if path is not None else 0
    except OSError:
        return 0
