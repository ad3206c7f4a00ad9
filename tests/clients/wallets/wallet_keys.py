"""Accounts of the network of conftest.py, and what else its tests agree on."""

from client.keys import AccountKey

MNEMONIC = (
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
)
PAYER = AccountKey.from_mnemonic(MNEMONIC)
# Nobody else pays to or from it meanwhile.
RECEIVER = AccountKey(b"r" * 32)
ORIGIN = "chrome-extension://dmkamcknogkgcdfhhbddcghachkejeap"
DEADLINE_S = 60
