"""A program with mospy: loads its account, estimates gas, pays and finds its payment again.

Runs in mospy's own environment. Arguments: http or grpc, the address to ask, chain id, mnemonic,
receiver. Prints one JSON document.
"""

import json
import sys

from mospy import Account, Transaction
from mospy.clients import GRPCClient, HTTPClient
from mospy.exceptions.clients import TransactionNotFound

kind, url, chain_id, mnemonic, receiver = sys.argv[1:]
if kind == "grpc":
    host, _, port = url.rpartition(":")
    client = GRPCClient(host=host, port=int(port))
else:
    client = HTTPClient(api=url)
account = Account(seed_phrase=mnemonic, hrp="energy")
client.load_account_data(account)
sequence = account.next_sequence


def make(amount: int) -> Transaction:
    """A payment that is not sent yet."""
    made = Transaction(account=account, gas=0, chain_id=chain_id, memo="from mospy")
    made.set_fee(amount=100_000, denom="ueur")
    made.add_send_msg(recipient=receiver, amount=amount, denom="ueur")
    return made


def wait(sent: dict) -> dict:
    """What became of it in a block."""
    found = client.wait_for_tx(tx_hash=sent["hash"], timeout=30, poll_period=0.2)
    return found["tx_response" if kind == "http" else "txResponse"]


payment = make(12345)
gas_used = client.estimate_gas(transaction=payment, multiplier=1.5)
sent = client.broadcast_transaction(transaction=payment)
response = wait(sent)
client.load_account_data(account)
too_much = make(9_000_000_000_000_000)
too_much.set_gas(400_000)
# It has a fee, so it gets into a block, and fails there.
failed = wait(client.broadcast_transaction(transaction=too_much))
try:
    client.get_tx(tx_hash="00" * 32)
    nothing = "found"
except TransactionNotFound:
    nothing = "not found"
sys.stdout.write(
    json.dumps(
        {
            "address": account.address,
            "estimated": gas_used > 0,
            "sent": sent["code"],
            "in_block": int(response["height"]) > 0,
            "code": response.get("code", 0),
            "sequences": account.next_sequence - sequence,
            "failed": failed["code"],
            "why": failed["raw_log" if kind == "http" else "rawLog"],
            "nothing": nothing,
        }
    )
)
