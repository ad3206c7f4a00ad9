"""Who may connect: anyone on this machine, or whoever has a certificate of the operator's.

Plain text is for loopback addresses only. Anywhere else both sides show certificates: the bridge
its own, and every client one that the operator's authority has signed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

FILE_BYTES_MAX = 256 * 1024


class TlsError(Exception):
    """Addresses or certificates that cannot be used. The text is one sentence."""


class MissingFileError(TlsError):
    """A file cannot be read."""


@dataclass(frozen=True)
class TlsFiles:
    """PEM files of one side: its certificate with the chain to its authority, its key, and the
    authority of the other side.
    """

    certificate: Path
    key: Path
    authority: Path


def require_server_credentials(
    listen: str, files: TlsFiles | None
) -> grpc.ServerCredentials | None:
    """What a server at an address needs; None for plain text on loopback.

    Errors: TlsError, MissingFileError.
    """
    host = require_host(listen)
    if files is None:
        if not is_loopback(host):
            raise TlsError(
                f"{listen} is not a loopback address, and plain text is for loopback only; "
                "give --tls-cert, --tls-key and --tls-client-ca."
            )
        return None
    certificate, key, authority = read_files(files)
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=authority, require_client_auth=True
    )


def make_client_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """What a client needs to be let in by the bridge and to know it.

    Errors: TlsError, MissingFileError.
    """
    certificate, key, authority = read_files(files)
    return grpc.ssl_channel_credentials(
        root_certificates=authority, private_key=key, certificate_chain=certificate
    )


def require_host(address: str) -> str:
    """The host of `host:port` or `[ipv6]:port`; errors: TlsError for another form."""
    host, colon, port = address.rpartition(":")
    is_port = port.isascii() and port.isdigit() and int(port) <= 65_535
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not (host and colon and is_port) or "/" in host:
        raise TlsError(f"{address!r} is not an address; write it like 127.0.0.1:26690.")
    return host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_files(files: TlsFiles) -> tuple[bytes, bytes, bytes]:
    """Certificate, key and authority, once they are seen to belong together.

    gRPC itself would say no more than that it cannot listen. Errors: TlsError, MissingFileError.
    """
    certificate, key, authority = map(read, (files.certificate, files.key, files.authority))
    own = load_certificate(files.certificate, certificate)
    load_certificate(files.authority, authority)
    try:
        public = load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError) as error:
        raise TlsError(f"{files.key} is not a private key in PEM without a passphrase.") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != own.public_key().public_bytes(*form):
        raise TlsError(f"{files.key} is not the key of {files.certificate}.")
    return certificate, key, authority


def load_certificate(path: Path, pem: bytes) -> x509.Certificate:
    """The first certificate of a file; errors: TlsError if there is none or it has run out."""
    try:
        certificate = x509.load_pem_x509_certificates(pem)[0]
    except ValueError as error:
        raise TlsError(f"{path} is not a certificate in PEM.") from error
    if certificate.not_valid_after_utc < datetime.now(UTC):
        raise TlsError(
            f"{path} ran out on {certificate.not_valid_after_utc:%Y-%m-%d}; renew the certificate."
        )
    return certificate


def read(path: Path) -> bytes:
    """The bytes of a file that is small enough to be what it should be."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise MissingFileError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > FILE_BYTES_MAX:
        raise TlsError(f"{path} has more than {FILE_BYTES_MAX} bytes; is it the right file?")
    return content
