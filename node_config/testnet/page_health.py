"""Exit status 0 if the dashboard of this container shows a recent block, else 1."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
import time

import text_output
from net_address import LOOPBACK
from node_config.testnet.health import AGE_MAX_S, TIMEOUT_S

PORT, PATH = 8080, "/api/v1/chain"
AUTHORITY = "/data/authority.pem"


def main(host: str, port: int = PORT, authority: str = AUTHORITY) -> int:
    """Prints one line and returns the exit status. host: what browsers know it by."""
    try:
        context = ssl.create_default_context(cafile=authority)
        connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=TIMEOUT_S, context=context)
        with contextlib.closing(connection):
            connection.request("GET", PATH, headers={"Host": host})
            shown = json.load(connection.getresponse())
        height, age_s = int(shown["height"]), time.time() - int(shown["time_s"])
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        text_output.say(f"the dashboard does not respond: {error}")
        return 1
    text_output.say(f"height {height}, {age_s:.0f} s ago")
    return 0 if age_s <= AGE_MAX_S else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
