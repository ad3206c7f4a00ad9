"""Files that a head-end drops into a folder: CMEP, Green Button, captures of telegrams.

A file counts once FILE.sha256 lies beside it, as sha256sum writes it: it says that the file is
whole and what it was. Files are taken in the order of their names; taken ones go to the folder
`done`, others to `rejected`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from meter_bridge.sources.source import Delivery, SourceError

DIGEST = ".sha256"
FILE_BYTES_MAX = 16 * 1024 * 1024
DONE, REJECTED = "done", "rejected"


@dataclass(frozen=True)
class Files:
    """A folder, and which of its files."""

    folder: Path
    pattern: str = "*"
    every_s: int = 10

    # Each file comes with its digest.
    is_protected = True

    def validate(self) -> None:
        if not 1 <= self.every_s <= 86_400:
            raise ValueError("every_s is 1 to 86400")
        if "/" in self.pattern:
            raise ValueError("pattern names files in the folder, so it has no /")

    def run(self, delivery: Delivery, stop: threading.Event) -> None:
        try:
            for name in (DONE, REJECTED):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            while not stop.is_set():
                for path in sorted(self.folder.glob(self.pattern)):
                    digest = path.with_name(path.name + DIGEST)
                    if path.is_file() and path.suffix != DIGEST and digest.is_file():
                        self._take(path, digest, delivery)
                delivery.report("")
                stop.wait(self.every_s)
        except OSError as error:
            raise SourceError(f"The folder {self.folder} cannot be used: {error}.") from error

    def _take(self, path: Path, digest: Path, delivery: Delivery) -> None:
        """Delivers one file and moves it away. A file that was delivered twice does no harm."""
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        stated = digest.read_text("ascii", "replace").split()[:1]
        is_whole = len(content) <= FILE_BYTES_MAX
        is_right = is_whole and stated == [hashlib.sha256(content).hexdigest()]
        if not is_right:
            delivery.report(f"The file {path.name} is not what {digest.name} describes.")
        is_taken = is_right and delivery.deliver(content, int(time.time()))
        target = self.folder / (DONE if is_taken else REJECTED)
        digest.replace(target / digest.name)
        path.replace(target / path.name)
