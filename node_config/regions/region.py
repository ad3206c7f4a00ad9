"""One region: a network of one validator, ten homes, and its end of the tie line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blockenergy.market.v1 import query_pb2 as market_query_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, ROLE_RELAYER
from blockenergy.settlement.v1 import errors_pb2 as settlement_errors_pb2
from blockenergy.settlement.v1 import query_pb2 as settlement_query_pb2
from blockenergy.settlement.v1 import state_pb2 as settlement_state_pb2
from blockenergy.tielines.v1 import query_pb2, tx_pb2
from google.protobuf.message import Message

from chain import tielines
from chain.runtime.encoding import bech32
from client.account import Signer
from client.errors import RejectedError
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from meter_bridge.client import sign_reading
from node_config.accounts import GenesisAccount
from node_config.demo.home.homes import FEEDER, Home, derive_secret
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.preset import Preset

TIE_LINE = "north-south"
TIE_METER = "tie-line"
TIE_CAPACITY_W = 100_000
# Initial balances, in millionths.
_HOME_MONEY, _LINE_MONEY, _OPERATOR_MONEY = 30_000_000, 100_000_000, 20_000_000
_WAIT_S = 120.0
_LINE_UNKNOWN = ("settlement", settlement_errors_pb2.LINE_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Figures:
    """How slots of the demonstration are, and the tie line."""

    slots: range
    slot_length_s: int
    capacity_wh: int
    genesis_time_s: int


class Region:
    """A network with its homes. hours: of the homes' day, one for each slot."""

    def __init__(
        self, name: str, homes: Sequence[Home], figures: Figures, hours: Sequence[int]
    ) -> None:
        self.name = name
        self.chain_id = f"{name}-1"
        self.homes = homes
        self.figures = figures
        self.hours = hours
        self.operator = AccountKey(derive_secret(0, name, "operator"))
        self.relayer = AccountKey(derive_secret(0, "relayer", "account"))
        self.tie_account = bech32.encode(tielines.get_account(TIE_LINE))
        self._tie_key = MeterKey(derive_secret(0, name, TIE_METER))
        self._keys: dict[str, AccountKey] = {}

    def prepare(self, folder: Path, preset: Preset) -> None:
        """Writes the files of the network."""
        accounts = [one.make_account(_HOME_MONEY) for one in self.homes]
        accounts.append(GenesisAccount(self.tie_account, (ROLE_CONSUMER,), _LINE_MONEY))
        accounts.append(GenesisAccount(self.operator.address, (ROLE_CONSUMER,), _OPERATOR_MONEY))
        accounts.append(GenesisAccount(self.relayer.address, (ROLE_RELAYER,), _OPERATOR_MONEY))
        meters = [one.make_meter() for one in self.homes]
        meters.append(
            GenesisMeter(TIE_METER, self.tie_account, FEEDER, TIE_CAPACITY_W, self._tie_key.pub_key)
        )
        home = folder / self.name
        init_network(
            home,
            1,
            preset=preset,
            base_port=find_free_ports(1).base,
            chain_id=self.chain_id,
            accounts=accounts,
            meters=meters,
            genesis_time_s=self.figures.genesis_time_s,
        )
        keyring = Keyring(home / "keys")
        for who in ("bridge", "distributor0"):
            key = keyring.load(who, str)
            assert isinstance(key, AccountKey)
            self._keys[who] = key
        self.network = Network(home, lambda _: None)

    @property
    def rpc(self) -> Rpc:
        """Its node."""
        return Rpc(self.network.rpc_urls[0])

    def send(self, key: AccountKey, messages: Sequence[Message], *, wait: bool = True) -> None:
        """Sends messages; raises RejectedError where they are not accepted."""
        signer = Signer(self.rpc, key, chain_id=self.chain_id, wait_s=_WAIT_S)
        signer.send(messages, wait=wait).require_ok()

    def open_line(self, client_id: str) -> None:
        """Opens the tie line over the client of the other region."""
        authority = self._keys["distributor0"]
        message = tx_pb2.MsgSetTieLine(
            authority=authority.address,
            tie_line=TIE_LINE,
            client_id=client_id,
            operator=self.operator.address,
            capacity_wh=self.figures.capacity_wh,
            packets_per_slot_max=100,
            traded_per_day_max_wh=1_000_000,
            notice_s=self.figures.slot_length_s,
        )
        self.send(authority, [message])

    def trade_homes(self) -> None:
        """Every home orders what it expects to use or to make, at any price."""
        low, high = self.price_bounds()
        for home in self.homes:
            orders = [
                _make_order(home, slot, home.late_forecast_wh[hour], low, high)
                for slot, hour in zip(self.figures.slots, self.hours, strict=True)
            ]
            wanted = [order for order in orders if order.quantity_wh]
            if wanted:
                self.send(home.key, wanted, wait=False)

    def price_bounds(self) -> tuple[int, int]:
        """The lowest and the highest price."""
        params = query(
            self.rpc, market_query_pb2.QueryParamsRequest(), market_query_pb2.QueryParamsResponse
        ).params
        return params.price_low_per_kwh, params.price_high_per_kwh

    def get_slot(self, slot: int) -> market_query_pb2.QuerySlotResponse:
        """A slot of its market."""
        request = market_query_pb2.QuerySlotRequest(slot=slot)
        return query(self.rpc, request, market_query_pb2.QuerySlotResponse)

    def get_schedule(self, slot: int) -> query_pb2.QueryScheduleResponse:
        """What the line has agreed in a slot."""
        request = query_pb2.QueryScheduleRequest(tie_line=TIE_LINE, slot=slot)
        return query(self.rpc, request, query_pb2.QueryScheduleResponse)

    def get_line(self, slot: int) -> settlement_state_pb2.Line:
        """How the line's account was settled; an account that did nothing has no line on record."""
        request = settlement_query_pb2.QueryLineRequest(slot=slot, owner=self.tie_account)
        try:
            return query(self.rpc, request, settlement_query_pb2.QueryLineResponse).line
        except RejectedError as error:
            if (error.codespace, error.code) != _LINE_UNKNOWN:
                raise
            return settlement_state_pb2.Line()

    def submit(self, slot: int, flows_wh: Mapping[int, int]) -> None:
        """The readings of a slot, of all homes and of the line.

        flows_wh: by slot, what the line carries away; negative: what it brings.
        """
        bridge = self._keys["bridge"]
        readings = [self._read_home(home, slot) for home in self.homes]
        until = [flows_wh.get(one, 0) for one in range(self.figures.slots[0], slot + 1)]
        readings.append(
            self._sign(
                TIE_METER,
                slot,
                sum(wh for wh in until if wh > 0),
                -sum(wh for wh in until if wh < 0),
                self._tie_key,
            )
        )
        message = metering_tx_pb2.MsgSubmitReadings(bridge=bridge.address, readings=readings)
        self.send(bridge, [message])

    def _read_home(self, home: Home, slot: int) -> metering_pb2.Reading:
        done = range(max(0, slot - self.figures.slots[0] + 1))
        steps = [step for place in done for step in _get_net_wh(home, self.hours[place])]
        imported = home.import_register_wh + sum(step for step in steps if step > 0)
        exported = home.export_register_wh - sum(step for step in steps if step < 0)
        return self._sign(home.meter_id, slot, imported, exported, home.meter_key)

    def _sign(
        self, meter_id: str, slot: int, imported: int, exported: int, key: MeterKey
    ) -> metering_pb2.Reading:
        content = metering_pb2.Reading(
            meter_id=meter_id,
            slot=slot,
            import_register_wh=imported,
            export_register_wh=exported,
        )
        return sign_reading(key, self.chain_id, content)


def make_preset(base: Preset, figures: Figures) -> Preset:
    """The preset of both regions: slots as the figures say, full purses, and time to trade."""
    params = {name: dict(values) for name, values in base.params.items()}
    length_s = figures.slot_length_s
    # Nobody reads the meters of the slots before, and nothing is estimated for them.
    params["metering"] |= {
        "slot_length_s": length_s,
        "reading_deadline_s": length_s,
        "estimate_permille": 0,
    }
    params["market"] |= {"horizon_slots": 60, "late_cancellation_s": 0}
    return replace(base, params=params)


def _make_order(
    home: Home, slot: int, net_wh: int, low: int, high: int
) -> market_tx_pb2.MsgBuy | market_tx_pb2.MsgSell:
    if net_wh >= 0:
        return market_tx_pb2.MsgBuy(
            buyer=home.key.address, slot=slot, quantity_wh=net_wh, price_limit_per_kwh=high
        )
    return market_tx_pb2.MsgSell(
        seller=home.key.address, slot=slot, quantity_wh=-net_wh, price_limit_per_kwh=low
    )


def _get_net_wh(home: Home, hour: int) -> Iterable[int]:
    """Per quarter of an hour; positive: from the grid."""
    return [load - pv for load, pv in zip(home.load_wh[hour], home.pv_wh[hour], strict=True)]
