"""Facts and references beside the checkout, which a user's machine may not have: tests that need
them are skipped there.
"""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared"
