"""`python -m node_config.localnet`: the same as `blockenergy localnet`."""

from __future__ import annotations

import sys

from node_config.localnet.commands import main

if __name__ == "__main__":
    sys.exit(main())
