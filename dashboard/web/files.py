"""The files of the pages: read once at the start, served from memory, compressed where they are so.

Names with a hash in them never change. Every page is the same file, which finds out what to show.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from starlette.responses import Response

DIST = Path(__file__).resolve().parents[1] / "pages" / "dist"
INDEX = "index.html"
BYTES_MAX = 16 * 1024 * 1024
_PAGE = re.compile(r"(now|mine|trade|grid|audit|explore|data|proof)?(/[\w.%-]{1,128})?", re.ASCII)
_HASHED = re.compile(r"[-.][0-9A-Za-z]{8,}\.[a-z0-9]+$")
_KINDS = {".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json"}
_MISSING = "The pages are not built: run make pages, and start again. The data are below /api/v1.\n"


@dataclass(frozen=True, slots=True)
class File:
    """A file: content, the same compressed with gzip if there is one, and its kind."""

    content: bytes
    compressed: bytes
    kind: str
    etag: str


class Files:
    """The files of a folder, by their path in it; nothing if there is no such folder."""

    def __init__(self, folder: Path = DIST) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".gz"
        }
        size = sum(len(one.content) + len(one.compressed) for one in self._files.values())
        assert size <= BYTES_MAX, "the pages are too large"

    def answer(self, path: str, headers: Mapping[str, str]) -> Response:
        """The file of a path, or the one that shows pages."""
        found = self._files.get(path)
        if found is None and _PAGE.fullmatch(path):
            path = INDEX
            found = self._files.get(INDEX)
            if found is None:
                return Response(_MISSING, HTTPStatus.NOT_FOUND, media_type="text/plain")
        if found is None:
            return Response("Not found.\n", HTTPStatus.NOT_FOUND, media_type="text/plain")
        return _send(path, found, headers)


def _send(path: str, found: File, headers: Mapping[str, str]) -> Response:
    is_hashed = _HASHED.search(path) is not None
    caching = "public, max-age=31536000, immutable" if is_hashed else "no-cache"
    own = {"cache-control": caching, "etag": found.etag, "vary": "Accept-Encoding"}
    if headers.get("if-none-match") == found.etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=own)
    content = found.content
    if found.compressed and "gzip" in headers.get("accept-encoding", ""):
        content = found.compressed
        own["content-encoding"] = "gzip"
    return Response(content, headers=own, media_type=found.kind)


def _read(path: Path) -> File:
    content = path.read_bytes()
    beside = path.with_name(f"{path.name}.gz")
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return File(
        content=content,
        compressed=beside.read_bytes() if beside.exists() else b"",
        kind=kind or "application/octet-stream",
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    )
