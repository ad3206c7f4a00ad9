"""The errors of each codespace, taken from its errors.proto."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockenergy.options.v1 import options_pb2
from google.protobuf.descriptor import EnumDescriptor

from chain.runtime.encoding.options import get_option


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One entry of an errors.proto."""

    codespace: str
    code: int
    name: str
    text: str


class ErrorCodes:
    """The errors of a codespace by name: `ErrorCodes("bank", …).HOLD_UNKNOWN`."""

    def __init__(self, codespace: str, enum: EnumDescriptor) -> None:
        for value in enum.values:
            text = get_option(value, options_pb2.text)
            if value.number:
                setattr(self, value.name, ErrorCode(codespace, value.number, value.name, text))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> ErrorCode:
            """Whatever errors.proto names."""
