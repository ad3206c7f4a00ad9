"""`blockenergy dashboard sign-in`: makes a link that signs a browser in."""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import text_output
from client.cli.common import add_keyring_option
from client.cli.prompts import ask_passphrase
from client.errors import ClientError, UsageError
from client.files.json_input import parse_json
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey

DEFAULT_SITE = "http://127.0.0.1:8080"
TIMEOUT_S = 10
_BYTES_MAX = 64 * 1024
CHALLENGE = "/api/v1/sign-in/challenge"


class SiteError(ClientError):
    """The dashboard does not respond, or rejects what it is asked."""

    exit_code = 3


def fill(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--site",
        metavar="URL",
        default=DEFAULT_SITE,
        help=f"the address of the dashboard (default: {DEFAULT_SITE})",
    )
    parser.add_argument(
        "--from", dest="sender", required=True, metavar="KEY", help="the key that signs"
    )
    add_keyring_option(parser)
    parser.set_defaults(run_dashboard=run)


def run(args: argparse.Namespace) -> int:
    """Prints the link."""
    key = Keyring(args.keyring).load(args.sender, ask_passphrase)
    if not isinstance(key, AccountKey):
        raise UsageError(f"{args.sender} is a {key.key_type} key, which has no account")
    site = args.site.rstrip("/")
    text_output.say(make_link(site, key))
    return 0


def make_link(site: str, key: AccountKey) -> str:
    """A link whose part behind `#`, which browsers do not send, is a signed request to sign in.

    Raises SiteError.
    """
    from dashboard.web import adr36

    challenge = post(site, CHALLENGE, {"address": key.address})
    text = str(challenge.get("text", ""))
    host = site.partition("://")[2]
    if text.split("\n", maxsplit=1)[0] != f"Sign in to the dashboard at {host}":
        raise SiteError(f"{site} asks to sign for another site")
    signature = key.sign(adr36.write_document(key.address, text))
    content = {
        "address": key.address,
        "nonce": challenge.get("nonce"),
        "pub_key": base64.b64encode(key.pub_key).decode(),
        "signature": base64.b64encode(signature).decode(),
    }
    code = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    return f"{site}/#sign-in={code}"


def post(site: str, path: str, content: dict[str, Any]) -> dict[str, Any]:
    """The answer to a POST with JSON; raises SiteError."""
    parts = urlsplit(site)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{site!r} is no address such as {DEFAULT_SITE}")
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.netloc, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    headers = {"Content-Type": "application/json", "Origin": site}
    try:
        connection.request("POST", path, json.dumps(content), headers)
        answer = parse_json(connection.getresponse().read(_BYTES_MAX))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SiteError(f"the dashboard at {site} does not respond: {error}") from error
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise SiteError(f"{site} is no dashboard")
    if "error" in answer:
        raise SiteError(f"the dashboard says: {answer['error'].get('text')}")
    return answer
