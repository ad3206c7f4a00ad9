"""Reading the annotations of the definitions (blockenergy/options/v1)."""

from __future__ import annotations

from typing import Any


def get_option(descriptor: Any, extension: Any) -> Any:
    """The value of an annotation on a message, field or enum value; its default if not set."""
    return descriptor.GetOptions().Extensions[extension]
