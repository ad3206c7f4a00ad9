"""Who may connect: anyone on this machine, or clients with a certificate from the operator's CA.

Plain text is allowed on loopback only. Otherwise both sides authenticate (mutual TLS): the bridge
with its own certificate, each client with one signed by the operator's CA.
"""

from __future__ import annotations

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

from client.files.private_file import warn_if_exposed
from net_address import is_loopback, parse_host_port

FILE_BYTES_MAX = 256 * 1024


class TlsError(Exception):
    """An address or certificate cannot be used. The text is one sentence."""


class MissingFileError(TlsError):
    """A file cannot be read."""


@dataclass(frozen=True)
class TlsFiles:
    """PEM files of one side: its certificate chain, its private key, and the other side's CA."""

    certificate: Path
    key: Path
    authority: Path


def require_server_credentials(
    listen: str, files: TlsFiles | None
) -> grpc.ServerCredentials | None:
    """The credentials of a server at an address; None for plain text on loopback.

    Errors: TlsError, MissingFileError.
    """
    host = require_host(listen)
    if files is None:
        if not is_loopback(host):
            raise TlsError(
                f"{listen} is not a loopback address, so TLS is required; "
                "give --tls-cert, --tls-key and --tls-client-ca."
            )
        return None
    certificate, key, authority = read_files(files)
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=authority, require_client_auth=True
    )


def make_client_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """The credentials with which a client and the bridge authenticate each other.

    Errors: TlsError, MissingFileError.
    """
    certificate, key, authority = read_files(files)
    return grpc.ssl_channel_credentials(
        root_certificates=authority, private_key=key, certificate_chain=certificate
    )


def require_host(address: str) -> str:
    """The host of `host:port` or `[ipv6]:port`; errors: TlsError."""
    try:
        return parse_host_port(address).host
    except ValueError as error:
        raise TlsError(f"{error}, such as 127.0.0.1:26690.") from error


def read_files(files: TlsFiles) -> tuple[bytes, bytes, bytes]:
    """Certificate, key and CA, after checking that they match.

    gRPC itself would only report that it cannot listen. Errors: TlsError, MissingFileError.
    """
    certificate, authority = read(files.certificate), read(files.authority)
    key = read(files.key, is_key=True)
    own = load_certificate(files.certificate, certificate)
    load_certificate(files.authority, authority)
    try:
        public = load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError) as error:
        raise TlsError(f"{files.key} is not an unencrypted private key in PEM.") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != own.public_key().public_bytes(*form):
        raise TlsError(f"{files.key} does not match the certificate {files.certificate}.")
    return certificate, key, authority


def load_certificate(path: Path, pem: bytes) -> x509.Certificate:
    """The first certificate in a file; errors: TlsError if there is none or it has expired."""
    try:
        certificate = x509.load_pem_x509_certificates(pem)[0]
    except ValueError as error:
        raise TlsError(f"{path} is not a PEM certificate.") from error
    if certificate.not_valid_after_utc < datetime.now(UTC):
        raise TlsError(
            f"{path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}; renew the certificate."
        )
    return certificate


def read(path: Path, *, is_key: bool = False) -> bytes:
    """The content of a small file; a warning is logged if it is a key that others can read."""
    try:
        with path.open("rb") as file:
            if is_key:
                warn_if_exposed(file)
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise MissingFileError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > FILE_BYTES_MAX:
        raise TlsError(f"{path} is larger than {FILE_BYTES_MAX} bytes, so it is not a PEM file.")
    return content
