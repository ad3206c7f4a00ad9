"""What a plan may say."""

from __future__ import annotations

import re

from blockenergy.upgrade.v1 import state_pb2

INFO_BYTES_MAX = 1024
# It names a folder of Cosmovisor, which writes it in lower case.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_HEIGHT_MAX = (1 << 63) - 1


def find_plan_error(plan: state_pb2.Plan) -> str:
    """What is wrong with a plan, in a few words; empty if nothing."""
    if not _NAME.fullmatch(plan.name):
        return "a name has 1 to 64 lower-case letters, digits or one of ._-"
    if not 0 < plan.height <= _HEIGHT_MAX:
        return f"a height is 1 to {_HEIGHT_MAX}"
    if len(plan.info.encode()) > INFO_BYTES_MAX:
        return f"the info has at most {INFO_BYTES_MAX} bytes"
    return ""
