"""Fills a spool from several threads and prints every reading that was acknowledged, until it is
killed. Arguments: the folder, a number that makes the readings of this run its own, and the size
that files may have, 0 for any.
"""

from __future__ import annotations

import resource
import signal
import sys
import threading
from pathlib import Path

from meter_bridge.spool import Spool, SpoolBrokenError, SpoolFullError
from tests.bridge.fakes import Clock, make_reading

THREADS = 4


def main(folder: Path, run: int, file_bytes_max: int) -> None:
    if file_bytes_max:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))
    broken = threading.Event()
    spool = Spool(folder, Clock(), on_failure=lambda _: broken.set())
    threads = [
        threading.Thread(target=push, args=(spool, f"RUN-{run}-{number}"))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(f"broken {broken.is_set()}\n")


def push(spool: Spool, meter_id: str) -> None:
    """Adds one reading after the other until the spool fails."""
    for slot in range(1_000_000):
        reading = make_reading(meter_id, slot=slot, import_wh=slot)
        try:
            spool.add(reading).result(20)
        except (SpoolBrokenError, SpoolFullError):
            return
        # One write each, so that lines of several threads do not mix.
        sys.stdout.write(f"{meter_id} {slot}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
