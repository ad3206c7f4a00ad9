"""Accounts of the network of conftest.py, and what else its tests agree on."""

from client.signing.keys import AccountKey, MeterKey

MNEMONIC = (
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
)
PAYER = AccountKey.from_mnemonic(MNEMONIC)
# Nobody else pays to or from it meanwhile.
RECEIVER = AccountKey(b"r" * 32)
# It has a meter, so that it may trade.
BIDDER_MNEMONIC = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"
BIDDER = AccountKey.from_mnemonic(BIDDER_MNEMONIC)
BIDDER_METER = MeterKey(b"m" * 32)
ORIGIN = "chrome-extension://dmkamcknogkgcdfhhbddcghachkejeap"
DEADLINE_S = 60
