"""A chain in memory, with named people, driven through `chain.app` alone.

    world = World()
    slot = world.slot_ahead(2)
    world.block(world.buy("ben", slot, 5_000, 240_000), world.sell("anna", slot, 2_000, 100_000))
    world.block(at=world.end_s(slot))

After every block all invariants are checked. Money is in millionths of the settlement token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from cosmos.bank.v1beta1 import tx_pb2 as cosmos_tx_pb2
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import Message

from chain import app, auth
from chain.metering import reading_sign_bytes
from chain.runtime.context import BlockInfo
from chain.runtime.gas import compute_min_fee
from chain.runtime.state.store import CacheStore
from chain.transactions import TxResult
from tests.support import check_before_write, documents
from tests.support.store import SortedStore
from tests.support.streets import people
from tests.support.transactions import Envelope, count_gas, make_body, sign

M = TypeVar("M", bound=Message)

CHAIN_ID = "street-1"
# Slots last 60 s; this is the beginning of slot 30,000,000.
START_S = 1_800_000_000
SLOT_LENGTH_S = 60
FIRST_SLOT = START_S // SLOT_LENGTH_S
DENOM = "ueur"
# Max size of a transaction without its body: signer, fee and signature.
BYTES_BESIDE_BODY = 300


class State:
    """A store in the form that collections and keepers read."""

    def __init__(self, store: SortedStore) -> None:
        self.store = CacheStore(store)


class World:
    """A street and its chain. `changes` patch the genesis document in its short form."""

    chain_id = CHAIN_ID

    def __init__(
        self, changes: Mapping[str, Any] | None = None, base: documents.Short | None = None
    ) -> None:
        short = documents.street() if base is None else base
        completed = documents.complete(documents.patch(short, changes or {}))
        self._start(documents.expand(completed))

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> World:
        """A world that begins with a genesis document, as `export` writes it."""
        world = cls.__new__(cls)
        world._start(document)
        return world

    def _start(self, document: dict[str, Any]) -> None:
        self.genesis = document
        self.store = SortedStore()
        self.store.apply(app.init_chain(self.genesis))
        self.height = 0
        self.time_s = START_S
        self.results: list[TxResult] = []
        self._pending: Counter[str] = Counter()

    def block(self, *txs: bytes, at: int | None = None) -> app.BlockResult:
        """Executes a block of transactions; checks that every invariant holds after it."""
        result = self.block_unchecked(*txs, at=at)
        self.require_invariants()
        return result

    def require_invariants(self) -> None:
        """That every invariant holds."""
        assert not (problems := app.check_invariants(self.store)), problems

    def block_unchecked(self, *txs: bytes, at: int | None = None) -> app.BlockResult:
        """Executes a block of transactions."""
        self.height += 1
        self.time_s = self.time_s if at is None else at
        result = app.finalize_block(self.store, self.block_info, txs, check_before_write.RULES)
        for tx_result in result.tx_results:
            if tx_result.exception:
                raise tx_result.exception
        self.store.apply(result.changes)
        self.results = result.tx_results
        self._pending.clear()
        return result

    def run_until(self, time_s: int, step_s: int = SLOT_LENGTH_S) -> None:
        """Empty blocks at regular times, the last one at the given time."""
        while self.time_s < time_s:
            self.block(at=min(self.time_s + step_s, time_s))

    @property
    def block_info(self) -> BlockInfo:
        return BlockInfo(self.chain_id, self.height, self.time_s)

    @property
    def state(self) -> State:
        return State(self.store)

    # Transactions. Each gets the sequence behind those signed before it for the same block.

    def sign(self, signer: str, *messages: Message, **changes: Any) -> bytes:
        """Signs messages; `changes` make parts of the envelope other than they should be."""
        signed = self.spoil(signer, *messages, **changes)
        self._pending[signer] += 1
        return signed

    def spoil(self, signer: str, *messages: Message, **changes: Any) -> bytes:
        """As `sign`, for a transaction that will not be admitted and uses up no sequence."""
        wallet, envelope = people.wallet(signer), replace(self.envelope(signer), **changes)
        if not {"gas_limit", "fee"} & changes.keys():
            body = make_body(messages, envelope)
            envelope = self.pay(envelope, body.ByteSize(), messages)
        return sign(wallet, messages, envelope)

    def pay(self, envelope: Envelope, body_bytes: int, messages: Sequence[Message]) -> Envelope:
        """The envelope with the gas that a transaction takes, and the fee for it."""
        params = auth.get_params(self.state)
        if not params.min_gas_price_micro:
            return envelope
        gas = params.gas_per_tx + params.gas_per_byte * (body_bytes + BYTES_BESIDE_BODY)
        gas += sum(map(count_gas, messages))
        fee = [(params.fee_denom, compute_min_fee(gas, params.min_gas_price_micro))]
        return replace(envelope, gas_limit=gas, fee=fee)

    def envelope(self, signer: str) -> Envelope:
        """What is around the next messages of a signer."""
        account = auth.get_account(self.state, people.wallet(signer).address)
        number, sequence = (account.account_number, account.sequence) if account else (0, 0)
        return Envelope(self.chain_id, number, sequence + self._pending[signer])

    def send(self, source: str, target: str, amount: int, denom: str = DENOM) -> bytes:
        message = cosmos_tx_pb2.MsgSend(
            from_address=people.address_text(source),
            to_address=people.address_text(target),
            amount=[Coin(denom=denom, amount=str(amount))],
        )
        return self.sign(source, message)

    def buy(self, buyer: str, slot: int, quantity_wh: int, limit: int) -> bytes:
        message = market_tx_pb2.MsgBuy(
            buyer=people.address_text(buyer),
            slot=slot,
            quantity_wh=quantity_wh,
            price_limit_per_kwh=limit,
        )
        return self.sign(buyer, message)

    def sell(self, seller: str, slot: int, quantity_wh: int, limit: int) -> bytes:
        message = market_tx_pb2.MsgSell(
            seller=people.address_text(seller),
            slot=slot,
            quantity_wh=quantity_wh,
            price_limit_per_kwh=limit,
        )
        return self.sign(seller, message)

    def cancel(self, owner: str, slot: int, is_bought: bool, quantity_wh: int, limit: int) -> bytes:
        message = market_tx_pb2.MsgCancelPosition(
            owner=people.address_text(owner),
            slot=slot,
            side=market_pb2.SIDE_BUY if is_bought else market_pb2.SIDE_SELL,
            quantity_wh=quantity_wh,
            price_limit_per_kwh=limit,
        )
        return self.sign(owner, message)

    def submit(self, *readings: metering_pb2.Reading, bridge: str = "bridge") -> bytes:
        message = metering_tx_pb2.MsgSubmitReadings(
            bridge=people.address_text(bridge), readings=readings
        )
        return self.sign(bridge, message)

    def bring(self, sender: str, *readings: metering_pb2.Reading) -> bytes:
        message = metering_tx_pb2.MsgBringReadings(
            sender=people.address_text(sender), readings=readings
        )
        return self.sign(sender, message)

    def remove_meter(self, meter_id: str, final_wh: tuple[int, int] = (0, 0)) -> bytes:
        message = metering_tx_pb2.MsgRemoveMeter(
            registrar=people.address_text("registrar"),
            meter_id=meter_id,
            final_import_wh=final_wh[0],
            final_export_wh=final_wh[1],
        )
        return self.sign("registrar", message)

    # Asking.

    def query(self, path: str, request: Message, answer: type[M]) -> M:
        """The answer to a question about the state after the last block."""
        data = app.query(self.store, self.block_info, path, request.SerializeToString())
        return answer.FromString(data)

    def balance(self, name: str, denom: str = DENOM) -> int:
        """What somebody can spend."""
        return int(self.short().get(f"bank.balances[{name}, {denom}]", 0))

    def short(self) -> documents.Short:
        """The state as a genesis document in its short form."""
        return documents.shorten(app.export(self.store))

    # Times.

    def slot_ahead(self, count: int) -> int:
        """The slot a number of slots after the one in delivery."""
        return self.time_s // SLOT_LENGTH_S + count

    def end_s(self, slot: int) -> int:
        """When the delivery of a slot ends: from then on its readings are taken."""
        return (slot + 1) * SLOT_LENGTH_S

    def deadline_s(self, slot: int) -> int:
        """When the readings of a slot are no longer taken, and it is settled."""
        return self.end_s(slot) + int(self.genesis["metering"]["params"]["reading_deadline_s"])


def reading(
    meter_id: str,
    slot: int,
    import_wh: int = 0,
    export_wh: int = 0,
    *,
    signed_by: str | None = None,
    chain_id: str = CHAIN_ID,
) -> metering_pb2.Reading:
    """What the registers of a meter show at the end of a slot, signed by the meter."""
    content = metering_pb2.Reading(
        meter_id=meter_id,
        slot=slot,
        import_register_wh=import_wh,
        export_register_wh=export_wh,
    )
    key = people.meter_key(signed_by or meter_id)
    content.signature = key.sign(reading_sign_bytes(chain_id, content))
    return content


def response(result: TxResult, kind: type[M], index: int = 0) -> M:
    """The response to one message of a transaction that was executed."""
    assert result.code == 0, result.log
    return kind.FromString(TxMsgData.FromString(result.data).msg_responses[index].value)
