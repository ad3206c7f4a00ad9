"""Tests of the dashboard use the node on loopback that those of the client have."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "clients"))
