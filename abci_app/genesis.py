"""Reads the application's part of a genesis file: bytes in, the state or GenesisError out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from chain import app
from chain.keyspace import Changes
from chain.runtime.consensus import ValidatorUpdate
from chain.runtime.context import BlockInfo
from chain.runtime.state.collections import GenesisError

# An escape of one half of a character beyond 16 bits.
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def load_genesis(
    app_state: bytes, block: BlockInfo | None = None, validators: Sequence[ValidatorUpdate] = ()
) -> Changes:
    """The state of a genesis file's app_state; raises GenesisError where it is wrong.

    block and validators: as `chain.app.init_chain` takes them.
    """
    try:
        return app.init_chain(_parse_json(app_state or b"{}"), block, validators)
    except RecursionError:
        raise GenesisError("app_state is nested too deeply") from None


def _parse_json(text: bytes) -> Any:
    """What a JSON text in UTF-8 says; raises GenesisError for any other bytes."""
    try:
        document = json.loads(text.decode())
        if _HALF_CHARACTER.search(text):
            # Half of a character is JSON, but no text that a record could hold.
            json.dumps(document, ensure_ascii=False).encode()
    except ValueError as error:
        raise GenesisError(f"app_state is not JSON: {error}") from None
    return document
