"""Modules in C, as they were compiled, for tests that compare them with their definitions."""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


def load_native(compiled: Path, name: str) -> ModuleType:
    """A module from the folder with the compiled rules; the test is skipped where the machine
    cannot run it.
    """
    path = next(compiled.glob(f"{name.replace('.', '/')}*.so"))
    spec = spec_from_file_location(name, loader=ExtensionFileLoader(name, str(path)))
    assert spec is not None and spec.loader is not None
    try:
        module = module_from_spec(spec)
    except ImportError as error:
        pytest.skip(str(error))
    spec.loader.exec_module(module)
    return module
