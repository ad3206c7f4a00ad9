"""What `make pages` has built, and a browser to look at it with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / "dashboard" / "pages"
DIST = PAGES / "dist"
NODE_MODULES = PAGES / "node_modules"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""

needs_pages = pytest.mark.skipif(
    not (DIST / "index.html").exists(), reason="the pages are not built: make pages"
)
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and (NODE_MODULES / "esbuild").exists()),
    reason="there is no Node, or the pages are not built: make pages",
)
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and (NODE_MODULES / "axe-core").exists()),
    reason="there is no chromium, or the pages are not built: make pages",
)
