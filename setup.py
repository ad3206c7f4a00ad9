"""Builds the package: compiles the definitions under proto/, then takes what came out.

Everything that is written by hand about the package stands in pyproject.toml.
"""

import subprocess
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
GENERATED = Path("proto/gen")
OURS = ["abci_app*", "chain*", "client*", "meter_bridge*", "node_config*"]

subprocess.run([sys.executable, str(ROOT / "proto" / "build.py")], check=True)
generated = find_packages(str(ROOT / GENERATED))
setup(
    packages=find_packages(str(ROOT), include=OURS) + generated,
    package_dir={name: f"{GENERATED}/{name}" for name in generated if "." not in name},
)
