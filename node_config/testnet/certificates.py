"""Certificates for servers and for the gateways of one, signed by a CA whose key is then discarded.

The authority's key is never written, so that nobody can be let in later: for trials only.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from net_address import LOOPBACK

CERTIFICATE, KEY, AUTHORITY = "tls.pem", "tls.key", "authority.pem"
VALID_DAYS = 3650


class Pair(NamedTuple):
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def write_certificates(servers: Mapping[Path, Sequence[str]], clients: Sequence[Path]) -> None:
    """Writes tls.pem, tls.key and authority.pem: for each server, which answers to its hosts and on
    loopback, into its folder, and a client's into each of the others.
    """
    authority = make_pair("authority", None)
    addresses = [x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    for server, hosts in servers.items():
        names = [x509.DNSName(host) for host in hosts]
        _write(server, make_pair(hosts[0], authority, [*names, *addresses]), authority)
    gateway = make_pair("gateway", authority)
    for client in clients:
        _write(client, gateway, authority)


def make_pair(name: str, issuer: Pair | None, hosts: Sequence[x509.GeneralName] = ()) -> Pair:
    """A new P-256 key with its certificate; without an issuer it is a CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(issuer.certificate.subject if issuer else own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return Pair(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _write(folder: Path, pair: Pair, authority: Pair) -> None:
    secret = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    (folder / CERTIFICATE).write_bytes(pair.certificate.public_bytes(Encoding.PEM))
    (folder / AUTHORITY).write_bytes(authority.certificate.public_bytes(Encoding.PEM))
