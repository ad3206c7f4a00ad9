"""Builds the package: compiles the definitions under proto/, then takes what came out.

Where the machine can, the rules that run most are compiled too (node_config/compiled.py).

Everything that is written by hand about the package stands in pyproject.toml.
"""

import subprocess
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))
from node_config.compiled import find_obstacle, make_extensions  # noqa: E402

GENERATED = Path("proto/gen")
OURS = [
    "abci_app*",
    "agents*",
    "chain*",
    "client*",
    "dashboard*",
    "gateway*",
    "grpc_calls*",
    "meter_bridge*",
    "net_address*",
    "node_config*",
    "text_output*",
]

subprocess.run([sys.executable, str(ROOT / "proto" / "build.py")], check=True)
editable = "editable_wheel" in sys.argv or "develop" in sys.argv
generated = find_packages(str(ROOT / GENERATED))
setup(
    packages=find_packages(str(ROOT), include=OURS) + generated,
    # In a checkout the sources count, and a compiled file beside them would hide what is changed.
    ext_modules=[] if editable or find_obstacle() else make_extensions(),
    package_dir={name: f"{GENERATED}/{name}" for name in generated if "." not in name},
)
