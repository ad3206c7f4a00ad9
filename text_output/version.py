"""The version of the project, for people."""

from __future__ import annotations

from importlib import metadata


def get_version() -> str:
    """The installed version, or "checkout" where the code runs without being installed."""
    try:
        return metadata.version("blockenergy")
    except metadata.PackageNotFoundError:
        return "checkout"
