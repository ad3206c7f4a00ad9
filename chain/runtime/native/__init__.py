"""The runtime's functions that are also written in C: those where they were built, else their
definitions in Python.

A definition decides what is right; C only saves time, and tests compare the two. Nothing outside
this package depends on which of them runs.
"""

from typing import Any

# Both are built with the compiled rules (node_config/compiled.py). merkle.c needs a processor with
# instructions for SHA-256 as well, and cannot be imported on any other.
try:
    from chain.runtime.native.merkle import (
        build_change,
        hash_buckets,
        hash_nodes,
        list_parents,
        locate_buckets,
    )
except ImportError:
    from chain.runtime.trees.bucket import build_change
    from chain.runtime.trees.nodes import hash_buckets, hash_nodes, list_parents, locate_buckets

# None where it was not built: its functions only find out what strict.py would, or give up.
strict_functions: Any
try:
    from chain.runtime.native import strict as strict_functions
except ImportError:
    strict_functions = None

__all__ = [
    "build_change",
    "hash_buckets",
    "hash_nodes",
    "list_parents",
    "locate_buckets",
    "strict_functions",
]
