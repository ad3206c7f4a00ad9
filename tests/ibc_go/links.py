"""A link between the two chains: a client on each, and relayers as anybody could run them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cosmos.base.v1beta1.coin_pb2 import Coin
from ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.core.client.v1.tx_pb2 import MsgCreateClientResponse, MsgUpdateClient
from ibc.lightclients.tendermint.v1.tendermint_pb2 import ClientState, Misbehaviour
from tendermint.types.types_pb2 import Header, SignedHeader

from chain import ibc
from chain.runtime.encoding import bech32
from client.light.provider import fetch_block
from client.relay import messages
from client.relay.end import End
from client.signing.keyring import Keyring
from client.signing.tx import pack
from tests.ibc_go.sides import ANNA, DEADLINE_S, RELAYER, Side
from tests.support.others.headers import sign

# As `blockenergy relay join` does it; a client that lives for SHORT_S has soon expired.
TRUSTING_S, UNBONDING_S = 32 * 3600, 64 * 3600
SHORT_S = 30


class Link:
    """Two clients by the chains that they are on."""

    def __init__(self, folder: Path, sides: tuple[Side, Side], ids: dict[Side, str]) -> None:
        self.folder = folder
        self.sides = sides
        self.ids = ids
        for side in sides:
            side.allow(ids[side], side.denom)
            side.allow(ids[side], self.path(side))

    def other(self, side: Side) -> Side:
        return self.sides[1] if side is self.sides[0] else self.sides[0]

    def path(self, side: Side) -> str:
        """The path that the other chain's money has on a chain."""
        return f"transfer/{self.ids[side]}/{self.other(side).denom}"

    def voucher(self, side: Side) -> str:
        return ibc.get_denom(self.path(side))

    def escrow(self, side: Side) -> int:
        account = ibc.get_escrow_account(self.ids[side])
        return side.balance(address=bech32.encode_with_prefix(account, side.prefix))

    def status(self, side: Side) -> str:
        return side.status(self.ids[side])

    def transfer(
        self, side: Side, amount: int, *, denom: str = "", receiver: str = "", wait_s: int = 3_600
    ) -> int:
        """Anna sends money to herself on the other chain; returns the timeout."""
        message = MsgTransfer(
            source_port="transfer",
            source_channel=self.ids[side],
            token=Coin(denom=denom or side.denom, amount=str(amount)),
            sender=side.address(ANNA),
            receiver=receiver or self.other(side).address(ANNA),
            timeout_timestamp=int(time.time()) + wait_s,
        )
        side.sign(ANNA).send([message]).require_ok()
        return message.timeout_timestamp

    def start(self, journal: str, *options: str) -> subprocess.Popen[str]:
        """A relayer that ends when nothing is left to carry."""
        clients = [
            f"--client-{name}={self.ids[side]}" for name, side in zip("ab", self.sides, strict=True)
        ]
        where = ["--journal", str(self.folder / journal), "--once"]
        return start(self.folder, self.sides, "run", *clients, *where, *options)

    def relay(self, journal: str = "relay.json") -> list[dict[str, Any]]:
        """Until nothing is left; what was carried."""
        return finish(self.start(journal))

    def substitute(self, side: Side) -> str:
        """A new client on a chain of the other one, as it is now."""
        return create_client(side, self.other(side), TRUSTING_S)

    def forge(self, side: Side) -> None:
        """Shows a chain two blocks of one height of the other one, both signed."""
        other = self.other(side)
        end = End(side.rpc, self.ids[side], side.sign(RELAYER))
        state: ClientState = end.get_client()
        known, true = state.latest_height, fetch_block(other.rpc)
        trusted = fetch_block(other.rpc, known.revision_height).next_validators
        false = Header()
        false.CopyFrom(true.header)
        false.app_hash = bytes(32)
        signed = SignedHeader(header=false, commit=sign(false, other.list_validators()))
        headers = [
            messages.make_header(one, true.validators, known, trusted)
            for one in (true.signed_header, signed)
        ]
        content = Misbehaviour(client_id=self.ids[side], header_1=headers[0], header_2=headers[1])
        message = MsgUpdateClient(
            client_id=self.ids[side], client_message=pack(content), signer=side.address(RELAYER)
        )
        side.sign(RELAYER).send([message]).require_ok()


def join(folder: Path, sides: tuple[Side, Side]) -> Link:
    """As a relayer does it."""
    Keyring(folder / "keys").add("relayer", RELAYER, None)
    output, errors = start(folder, sides, "join").communicate(timeout=DEADLINE_S)
    assert output, errors
    found = json.loads(output)
    ids = dict(zip(sides, (found["client_a"], found["client_b"]), strict=True))
    return Link(folder, sides, ids)


def join_again(link: Link, periods_s: dict[Side, int]) -> Link:
    """The same chains, by new clients. periods_s: for how long each trusts a header."""
    ids = {side: create_client(side, link.other(side), periods_s[side]) for side in link.sides}
    for side in link.sides:
        message = messages.register_counterparty(
            ids[side], ids[link.other(side)], side.address(RELAYER)
        )
        side.sign(RELAYER).send([message]).require_ok()
    return Link(link.folder, link.sides, ids)


def create_client(side: Side, other: Side, period_s: int) -> str:
    header = fetch_block(other.rpc).header
    message = messages.create_client(header, period_s, UNBONDING_S, side.address(RELAYER))
    (created,) = side.sign(RELAYER).send([message]).require_ok().responses
    assert isinstance(created, MsgCreateClientResponse)
    return created.client_id


def start(
    folder: Path, sides: tuple[Side, Side], command: str, *options: str
) -> subprocess.Popen[str]:
    """`blockenergy relay` between both chains."""
    words = [sys.executable, "-m", "client.cli", "relay", command, "-o", "json"]
    for name, side in zip("ab", sides, strict=True):
        words += [f"--node-{name}", side.url, f"--chain-{name}", side.chain_id]
        words += [f"--from-{name}", "relayer", *(one.format(name) for one in side.options)]
    words += ["--keyring", str(folder / "keys"), *options]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(relayer: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What a relayer has said, when it is done."""
    output, errors = relayer.communicate(timeout=DEADLINE_S)
    assert relayer.returncode == 0, errors
    return [json.loads(line) for line in output.splitlines()]
