"""Two applications that are given the same blocks, as CometBFT would, and must not differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cosmos.auth.v1beta1.auth_pb2 import BaseAccount
from cosmos.auth.v1beta1.query_pb2 import QueryAccountRequest, QueryAccountResponse
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from tendermint.abci import types_pb2 as abci

from abci_app.node import EnergyApplication
from abci_app.storage.node_state import NodeState
from abci_app.storage.persistence import Database
from tests.support import documents
from tests.support.streets.people import HOUSEHOLDS, Wallet, wallet
from tests.support.transactions import Envelope, sign

CHAIN_ID = "applications-test"
START_S = 1_800_000_000
ACCOUNT = "/cosmos.auth.v1beta1.Query/Account"
ACCEPT = abci.ResponseProcessProposal.ProposalStatus.ACCEPT


class Applications:
    """Two of them, with every invariant checked after each block."""

    def __init__(self, folder: Path) -> None:
        self._databases = [Database.open(folder / name, create=True) for name in ("one", "other")]
        self._apps = [
            EnergyApplication(NodeState(database), "test", check_invariants=True)
            for database in self._databases
        ]
        document = documents.expand(documents.complete(documents.street()))
        start = abci.RequestInitChain(
            chain_id=CHAIN_ID, app_state_bytes=json.dumps(document).encode()
        )
        for app in self._apps:
            app.init_chain(start)
        self.height, self.time_s = 0, START_S
        self.execute([])

    def close(self) -> None:
        for app in self._apps:
            app.close()
        for database in self._databases:
            database.close()

    def accept(self, txs: Sequence[bytes]) -> bool:
        """Whether a proposal for the next block is accepted; both must say the same."""
        request = abci.RequestProcessProposal(height=self.height + 1, txs=txs)
        request.time.seconds = self.time_s
        verdicts = {app.process_proposal(request).status == ACCEPT for app in self._apps}
        assert len(verdicts) == 1
        return verdicts.pop()

    def execute(
        self,
        txs: Sequence[bytes],
        seconds: int = 1,
        misbehavior: Sequence[abci.Misbehavior] = (),
    ) -> abci.ResponseFinalizeBlock:
        """Executes and commits the next block; both must give the very same answer."""
        self.height += 1
        self.time_s += seconds
        request = abci.RequestFinalizeBlock(height=self.height, txs=txs, misbehavior=misbehavior)
        request.time.seconds = self.time_s
        one, other = [app.finalize_block(request).decode() for app in self._apps]
        assert one == other
        assert len(one.tx_results) == len(txs)
        for app in self._apps:
            app.commit(abci.RequestCommit())
        return one

    def get_account(self, owner: Wallet) -> BaseAccount:
        """The numbers that a signature must cover."""
        data = QueryAccountRequest(address=owner.text).SerializeToString()
        answer = self._apps[0].query(abci.RequestQuery(path=ACCOUNT, data=data))
        account = BaseAccount()
        assert QueryAccountResponse.FromString(answer.value).account.Unpack(account)
        return account

    def make_payments(self, count: int, chain_id: str = CHAIN_ID) -> list[bytes]:
        """Good payments for the next block: of each household as many, one after the other."""
        txs = []
        for name in HOUSEHOLDS:
            sender = wallet(name)
            account = self.get_account(sender)
            for number in range(count):
                message = MsgSend(
                    from_address=sender.text,
                    to_address=wallet("treasury").text,
                    amount=[Coin(denom="ueur", amount=f"{number + 1}")],
                )
                place = account.account_number, account.sequence + number
                txs.append(sign(sender, [message], Envelope(chain_id, *place)))
        return txs
