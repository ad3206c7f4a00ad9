"""A program with cosmpy: reads, pays and finds its payment again.

Runs in cosmpy's own environment. Arguments: URL of the ledger, chain id, mnemonic, receiver. Prints
one JSON document.
"""

import json
import sys

from cosmpy.aerial.client import LedgerClient, NetworkConfig
from cosmpy.aerial.wallet import LocalWallet
from cosmpy.crypto.address import Address

url, chain_id, mnemonic, receiver = sys.argv[1:]
config = NetworkConfig(
    chain_id=chain_id,
    url=url,
    fee_minimum_gas_price=0.00005,
    fee_denomination="ueur",
    staking_denomination="ueur",
)
client = LedgerClient(config, query_interval_secs=1, query_timeout_secs=30)
wallet = LocalWallet.from_mnemonic(mnemonic, prefix="energy")
address, destination = wallet.address(), Address(receiver)
first = client.query_account(address)
before = client.query_bank_balance(destination)
sent = client.send_tokens(destination, 12345, "ueur", wallet, memo="from cosmpy")
sent.wait_to_complete()
found = client.query_tx(sent.tx_hash)
block = client.query_block(found.height)
info = client.query_node_info()
try:
    client.send_tokens(destination, 9_000_000_000_000_000, "ueur", wallet)
    rejected = ""
except Exception as error:  # noqa: BLE001, what it raises depends on the protocol.
    rejected = str(error)
sys.stdout.write(
    json.dumps(
        {
            "address": str(address),
            "chain_id": client.query_chain_id(),
            "received": client.query_bank_balance(destination) - before,
            "sequences": client.query_account(address).sequence - first.sequence,
            "code": found.code,
            "transfer": found.events["transfer"]["amount"],
            "timestamp": found.timestamp == block.time.replace(microsecond=0),
            "in_block": sent.tx_hash in block.tx_hashes,
            "denoms": [coin.denom for coin in client.query_bank_all_balances(address)],
            "sdk": str(info.cosmos_sdk_version),
            "app": info.app_name,
            "rejected": rejected,
        }
    )
)
