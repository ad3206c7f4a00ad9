"""Two chains between which certificates and credits cross: on each Anna has a roof that a meter of
its own measures, certificates of two settled slots, and credits of a batch of that chain.

    crossing = Crossing()
    north, south = crossing.link.chains
    crossing.send(north, "anna", "ben", 500)
    crossing.link.relay()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blockenergy.carbontransfer.v1 import tx_pb2
from blockenergy.certificates.v1 import state_pb2 as certificates_pb2
from google.protobuf.message import Message
from ibc.core.channel.v2.packet_pb2 import Packet, Payload

from chain import carbontransfer, credits, ibc
from chain.bank.state import BALANCES
from chain.carbontransfer.state import (
    CREDIT_ESCROWS,
    ESCROWS,
    FOREIGN_HOLDINGS,
    FOREIGN_SERIES,
)
from chain.certificates.state import HOLDINGS, SERIES
from chain.credits.state import BATCHES
from chain.ibc.state import PACKETS
from client.relay.packets import Answered, Sent
from tests.support.others.two_chains import RELAYER, Chain, Link, make_chains
from tests.support.streets import people
from tests.support.world import FIRST_SLOT, START_S

CLIENT = "07-tendermint-0"
SLOTS = (FIRST_SLOT - 2, FIRST_SLOT - 1)
ADDED_AT_S = START_S - 600
MADE_WH = 5_000
BATCH = "C1-moor-20250101-20260101-1"
MADE_G = 3_000_000
LIMITS = {
    "sent_per_day_max_wh": 1_000_000,
    "received_per_day_max_wh": 1_000_000,
    "sent_per_day_max_g": 100_000_000,
    "received_per_day_max_g": 100_000_000,
    "received_packets_per_day_max": 1_000,
    "batches_max": 3,
}
# Of slots before the first one, which are settled.
SERIES_LEFT: Mapping[str, Any] = {
    "issued_wh": MADE_WH, "made_wh": MADE_WH, "energy_source": "ENERGY_SOURCE_SOLAR",
}  # fmt: skip
STREET: Mapping[str, Any] = {
    "settlement.progress": {"slot": FIRST_SLOT, "history_from": FIRST_SLOT - 1},
    f"settlement.results[{FIRST_SLOT - 1}]": {},
    "certificates.params": {"certificate_life_s": 86_400, "entry_min_wh": 1},
    "certificates.last_closed": FIRST_SLOT - 1,
    "registry.meters[meter-anna]": {
        "energy_source": "ENERGY_SOURCE_SOLAR", "added_at_s": ADDED_AT_S,
    },
    "carbon.devices[meter-anna]": {
        "owner": "anna", "energy_source": "ENERGY_SOURCE_SOLAR", "power_w": 10_000,
        "status": "DEVICE_STATUS_IN_FORCE", "generation_only": True,
        "meter_added_at_s": ADDED_AT_S,
    },
    **{f"certificates.series[{slot}, anna]": SERIES_LEFT for slot in SLOTS},
    **{f"certificates.holdings[{slot}, anna & anna]": {"wh": MADE_WH} for slot in SLOTS},
    "credits.classes[C1]": {"admin": "issuer", "issuers": ["issuer"], "methodology": "rewetting"},
    "credits.projects[C1, moor]": {"jurisdiction": "DE-MV", "batches": 1},
    f"credits.batches[{BATCH}]": {
        "class_id": "C1", "project": "moor", "minted_g": MADE_G,
        "vintage_start_s": 1_735_689_600, "vintage_end_s": 1_767_225_600,
    },
    f"bank.denoms[credit/{BATCH}]": {"symbol": "tCO2e", "decimals": 6},
    f"bank.balances[anna, credit/{BATCH}]": MADE_G,
}  # fmt: skip


class Crossing:
    """Two chains, a link, and a route on each."""

    def __init__(self, changes: Mapping[str, Any] | None = None, **limits: int) -> None:
        self.north, self.south = make_chains({**STREET, **(changes or {})})
        self.link = Link(self.north, self.south)
        for chain in self.link.chains:
            self.set_route(chain, **limits)

    def set_route(self, chain: Chain, **limits: int) -> None:
        """Names the route on a chain, or changes its limits."""
        authority = people.address_text("distributor")
        message = tx_pb2.MsgSetRoute(
            authority=authority, client_id=self.link.ids[chain], **{**LIMITS, **limits}
        )
        chain.send_messages("distributor", message)

    def make_sent(
        self, chain: Chain, sender: str, receiver: str, wh: int, **changes: Any
    ) -> tx_pb2.MsgSendCertificates:
        """The message that sends certificates of the first slot, with changes."""
        fields: dict[str, Any] = {
            "holder": people.address_text(sender),
            "client_id": self.link.ids[chain],
            "receiver": people.address_text(receiver),
            "entries": [make_entry(wh)],
            "timeout_s": chain.time_s + 3_600,
        }
        return tx_pb2.MsgSendCertificates(**{**fields, **changes})

    def make_returned(
        self, chain: Chain, sender: str, receiver: str, wh: int, **changes: Any
    ) -> tx_pb2.MsgReturnCertificates:
        """The message that sends them home."""
        sent = self.make_sent(chain, sender, receiver, wh, **changes)
        return tx_pb2.MsgReturnCertificates.FromString(sent.SerializeToString())

    def make_credits(
        self, chain: Chain, sender: str, receiver: str, grams: int, **changes: Any
    ) -> tx_pb2.MsgSendCredits:
        """The message that sends credits of the chain's batch, with changes."""
        fields: dict[str, Any] = {
            "owner": people.address_text(sender),
            "client_id": self.link.ids[chain],
            "receiver": people.address_text(receiver),
            "batch": BATCH,
            "grams": grams,
            "timeout_s": chain.time_s + 3_600,
        }
        return tx_pb2.MsgSendCredits(**{**fields, **changes})

    def send(self, chain: Chain, who: str, message: Message) -> Packet:
        """Executes a message that sends a packet; returns the packet."""
        chain.send_messages(who, message)
        return last_sent(chain)

    def deliver(self, chain: Chain, value: bytes, **changes: Any) -> Answered:
        """Brings a chain a packet of the other one that the rules there have not made."""
        other = self.link.other(chain)
        fields: dict[str, Any] = {
            "source_port": carbontransfer.PORT, "destination_port": carbontransfer.PORT,
            "version": "carbon-1", "encoding": "application/x-protobuf", "value": value,
        }  # fmt: skip
        other.forge(
            Packet(
                source_client=self.link.ids[other],
                timeout_timestamp=other.time_s + 600,
                payloads=[Payload(**{**fields, **changes})],
            )
        )
        self.bring(chain, Sent(last_sent(other)))
        answered = chain.happened[-1][1]
        assert isinstance(answered, Answered)
        self.link.seen = {one: len(one.happened) for one in self.link.chains}
        return answered

    def forge_answer(self, chain: Chain, packet: Packet, answer: bytes) -> Answered:
        """What a chain answers to a packet that its rules may not have seen."""
        chain.forge_answer(packet, answer)
        answered = chain.happened[-1][1]
        assert isinstance(answered, Answered)
        return answered

    def bring(self, chain: Chain, one: Sent | Answered) -> None:
        """Brings a chain what has happened on the other one."""
        message = self.link.make_message(chain, one)
        chain.block(at=max(chain.time_s + 1, self.link.other(chain).time_s))
        chain.send_messages(RELAYER, self.link.update(chain), message)


def make_entry(wh: int, slot: int = SLOTS[0], producer: str = "anna") -> certificates_pb2.Entry:
    """An entry of Anna's first slot."""
    return certificates_pb2.Entry(slot=slot, producer=people.address_text(producer), wh=wh)


def last_sent(chain: Chain) -> Packet:
    """The packet that a chain has sent last."""
    return [one.packet for _, one in chain.happened if isinstance(one, Sent)][-1]


def held_wh(chain: Chain, name: str, slot: int = SLOTS[0]) -> int:
    """What an account holds of Anna's certificates of this chain."""
    key = (slot, (people.wallet("anna").address, people.wallet(name).address))
    found = HOLDINGS.get(chain.state, key)
    return found.wh if found else 0


def foreign_wh(chain: Chain, name: str, slot: int = SLOTS[0]) -> int:
    """What an account holds of Anna's certificates of the other chain."""
    key = ((CLIENT, slot), (people.wallet("anna").address, people.wallet(name).address))
    found = FOREIGN_HOLDINGS.get(chain.state, key)
    return found.wh if found else 0


def is_done(chain: Chain) -> bool:
    """Whether all packets of a chain have ended."""
    return not any(kind == ibc.Kind.COMMITMENT for ((_, kind), _), _ in PACKETS.items(chain.state))


def count_abroad(home: Chain) -> tuple[int, int]:
    """Wh and g that a chain has locked for the other one."""
    wh = sum(wh for _, wh in ESCROWS.items(home.state))
    return wh, sum(grams for _, grams in CREDIT_ESCROWS.items(home.state))


def count_foreign(there: Chain) -> tuple[int, int]:
    """Wh and g of the other chain that have come to a chain and not gone back: held, retired,
    cancelled.
    """
    wh = sum(one.received_wh - one.returned_wh for _, one in FOREIGN_SERIES.items(there.state))
    batches = [one for _, one in BATCHES.items(there.state) if one.HasField("foreign")]
    return wh, sum(one.minted_g - one.exported_g for one in batches)


def count_own(chain: Chain) -> tuple[int, int]:
    """Wh and g of a chain that are held there by anybody."""
    wh = sum(holding.wh for _, holding in HOLDINGS.items(chain.state))
    denom = credits.get_denom(BATCH)
    escrow = carbontransfer.get_escrow_account(CLIENT)
    grams = sum(
        amount
        for (owner, name), amount in BALANCES.items(chain.state)
        if name == denom and owner != escrow
    )
    return wh, grams


def count_issued(chain: Chain) -> tuple[int, int]:
    """Wh and g that a chain has issued and that have not ended on it."""
    wh = sum(
        one.issued_wh - one.retired_wh - one.cancelled_wh - one.withdrawn_wh
        for _, one in SERIES.items(chain.state)
    )
    batch = BATCHES.get(chain.state, BATCH)
    assert batch is not None
    return wh, batch.minted_g - batch.retired_g - batch.cancelled_g
