"""The application of a corrupt validator: it lets everything into its mempool, so that its CometBFT
sends it on to all peers, and lets go of it after the next block, so that there is room for more.

    python -m bench.networks.open_app --home . --address ADDRESS     all else is as in abci_app
"""

from __future__ import annotations

import sys

from tendermint.abci import types_pb2 as abci

from abci_app.__main__ import main
from abci_app.node import EnergyApplication


def let_in(self: EnergyApplication, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
    """Takes what is new."""
    return abci.ResponseCheckTx(code=int(request.type != abci.CheckTxType.NEW))


if __name__ == "__main__":
    EnergyApplication.check_tx = let_in  # type: ignore[method-assign]
    sys.exit(main())
