"""Exit status 0 if the validator of this container has a recent block, else 1.

A validator that is cut off, or that has yet to catch up, is not healthy.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from datetime import UTC, datetime

import text_output

URL = "http://127.0.0.1:26657/status"
# An idle network makes a block every 1.2 s.
AGE_MAX_S = 20.0
TIMEOUT_S = 4.0
# Loopback is never reached through a proxy, whatever the environment says.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main() -> int:
    """Prints one line and returns the exit status."""
    try:
        with OPENER.open(URL, timeout=TIMEOUT_S) as answer:
            info = json.load(answer)["result"]["sync_info"]
        # Python 3.11 reads at most six decimals; CometBFT writes nine.
        made = datetime.fromisoformat(info["latest_block_time"][:19] + "+00:00")
    except (OSError, ValueError, KeyError) as error:
        text_output.say(f"the node does not respond: {error}")
        return 1
    age_s = (datetime.now(UTC) - made).total_seconds()
    text_output.say(f"height {info['latest_block_height']}, {age_s:.0f} s ago")
    return 0 if age_s <= AGE_MAX_S else 1


if __name__ == "__main__":
    sys.exit(main())
