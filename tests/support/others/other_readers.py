"""What GPL libraries read in telegrams, for comparison. Runs in an environment of its own.

It imports nothing of the project, and the project nothing of it: telegrams come as lines of
JSON with a format and hexadecimal, and their numbers go back the same way.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any


def read_sml(raw: bytes) -> dict[str, str]:
    """Values with a scaler by their OBIS code in hexadecimal, by smllib."""
    from smllib import SmlStreamReader  # type: ignore[import-not-found]

    reader = SmlStreamReader()
    reader.add(raw)
    frame = reader.get_frame()
    found: dict[str, str] = {}
    for message in frame.parse_frame() if frame else ():
        for entry in getattr(message.message_body, "val_list", None) or ():
            if entry.scaler is not None:
                found[str(entry.obis)] = f"{entry.value}e{entry.scaler}"
    return found


def read_dlms(raw: bytes) -> dict[str, str]:
    """Unsigned numbers behind their OBIS code in a data notification, by gurux-dlms."""
    from gurux_dlms import GXDLMSTranslator  # type: ignore[import-not-found]

    text = GXDLMSTranslator().pduToXml(raw)
    pairs = re.findall(r'<OctetString Value="(\w{12})" />\s*<UInt\d+ Value="(\w+)" />', text)
    return {code.lower(): str(int(value, 16)) for code, value in pairs}


READERS = {"sml": read_sml, "dlms": read_dlms}


def main() -> None:
    """One answer for each line."""
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        found = READERS[request["format"]](bytes.fromhex(request["hex"]))
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
