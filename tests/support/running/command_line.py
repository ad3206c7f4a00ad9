"""Commands of `blockenergy` in the process of the tests: starting one for each takes most of their
time.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest

from client.cli.__main__ import main

OURS = "BLOCKENERGY_"


def run_here(
    arguments: Sequence[str], variables: Mapping[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """What a command does and prints. Of our variables it has only the given ones.

    What it logs is not among it: pytest has the log.
    """
    out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(OURS)]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", errors)
        try:
            code = main(arguments)
        except SystemExit as ended:
            # Help and version end the process.
            code = int(ended.code or 0)
    printed, said = (stream.buffer.getvalue().decode() for stream in (out, errors))  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(list(arguments), code, printed, said)
