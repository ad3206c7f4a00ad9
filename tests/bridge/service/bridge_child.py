"""A complete bridge with a chain that makes no blocks, for tests that kill it. Prints its port.
Arguments: the bridge's home, and how many meters there are.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from meter_bridge.bridge import Bridge, Settings
from tests.bridge.fakes import PATIENT_DEADLINE_S, PATIENT_PARAMS, Clock, FakeChain


def main(home: Path, meters: int) -> None:
    chain = FakeChain(params=PATIENT_PARAMS, deadline_s=PATIENT_DEADLINE_S, takes_submissions=False)
    for number in range(meters):
        chain.add_meter(f"HOME-{number}")
    settings = Settings(home, "127.0.0.1:0", poll_s=0.01)
    with Bridge(settings, chain, lambda _: os._exit(1), Clock()) as bridge:
        sys.stdout.write(f"{bridge.port}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
