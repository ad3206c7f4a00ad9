"""Certificates and credits of two chains that cross at random, while their relayer drops, doubles,
delays and reorders packets, and one chain may lie.
"""

from __future__ import annotations

from random import Random

import pytest
from blockenergy.carbontransfer.v1 import packet_pb2, tx_pb2
from blockenergy.certificates.v1 import tx_pb2 as certificates_pb2
from blockenergy.credits.v1 import tx_pb2 as credits_pb2
from google.protobuf.message import Message

from chain import ibc
from client.relay.packets import Answered, Sent
from tests.support.bad_relayer import BadRelayer
from tests.support.carbon_transfer import (
    BATCH,
    CLIENT,
    MADE_G,
    MADE_WH,
    SLOTS,
    Crossing,
    count_abroad,
    count_foreign,
    count_issued,
    count_own,
    is_done,
    make_entry,
)
from tests.support.others.two_chains import Chain
from tests.support.streets import people

STEPS = 60
PEOPLE = ("anna", "ben", "clara")


def act_at_random(crossing: Crossing, chain: Chain, random: Random) -> None:
    """Somebody sends, returns, gives or ends something; or not, where nothing is left."""
    who, other = random.sample(PEOPLE, 2)
    if random.random() < 0.4:
        who = "anna"
    wh = random.choice([1, 400, 2_000])
    entries = [make_entry(wh, slot) for slot in random.sample(SLOTS, random.randint(1, 2))]
    timeout_s = chain.time_s + random.choice([3, 20, 600])
    rest = {"entries": entries, "timeout_s": timeout_s}
    foreign_batch = f"{CLIENT}/{BATCH}"
    batch = random.choice([BATCH, foreign_batch])
    holder, receiver = people.address_text(who), people.address_text(other)
    message: Message = random.choice([
        crossing.make_sent(chain, who, other, wh, **rest),
        crossing.make_sent(chain, who, other, wh, **rest),
        crossing.make_returned(chain, who, other, wh, **rest),
        crossing.make_returned(chain, who, other, wh, **rest),
        crossing.make_credits(chain, who, other, wh, batch=BATCH, timeout_s=timeout_s),
        crossing.make_credits(chain, who, other, wh, batch=foreign_batch, timeout_s=timeout_s),
        tx_pb2.MsgTransferForeign(
            holder=holder, client_id=CLIENT, recipient=receiver, entries=entries
        ),
        tx_pb2.MsgRetireForeign(
            holder=holder, client_id=CLIENT, entries=entries, purpose="scope2-2027"
        ),
        certificates_pb2.MsgTransferCertificates(
            holder=holder, recipient=receiver, entries=entries
        ),
        certificates_pb2.MsgCancelCertificates(holder=holder, entries=entries),
        credits_pb2.MsgRetireCredits(
            owner=holder, batch=batch, grams=wh, jurisdiction="DE", purpose="scope1-2027"
        ),
        credits_pb2.MsgCancelCredits(owner=holder, batch=batch, grams=wh, purpose="gift"),
    ])  # fmt: skip
    chain.block(chain.sign(who, message), at=chain.time_s + random.randrange(1, 5))


def lie(crossing: Crossing, chain: Chain, random: Random) -> None:
    """A chain sends what its rules never would: more of the other's than it has, or answers a
    packet that it has taken as if it had not.
    """
    wh, receiver = random.choice([1, 500, MADE_WH, MADE_G]), people.address_text("eva")
    content = packet_pb2.CarbonPacket(sender=receiver, receiver=receiver)
    if random.random() < 0.5:
        content.certificates_home.append(make_entry(wh, random.choice(SLOTS)))
    else:
        content.credits_home.batch, content.credits_home.grams = BATCH, wh
    crossing.deliver(crossing.link.other(chain), content.SerializeToString())


def require_conserved(chain: Chain) -> None:
    """What a chain has issued is held there, or locked, or has ended there."""
    own, abroad, issued = count_own(chain), count_abroad(chain), count_issued(chain)
    assert (own[0] + abroad[0], own[1] + abroad[1]) == issued


@pytest.mark.parametrize("seed", range(4))
def test_nothing_exists_twice(seed: int) -> None:
    """Invariants of each chain hold after every block; what is abroad is never less than what is
    there, and in the end, when every packet has ended, exactly as much.
    """
    random = Random(seed)
    crossing = Crossing()
    relayer = BadRelayer(crossing.link, random)
    done = 0
    for _ in range(STEPS):
        chain = random.choice(crossing.link.chains)
        act_at_random(crossing, chain, random)
        done += not chain.results[0].code
        for _ in range(random.randrange(4)):
            relayer.act()
        for home in crossing.link.chains:
            require_conserved(home)
            there = crossing.link.other(home)
            locked, foreign = count_abroad(home), count_foreign(there)
            assert locked[0] >= foreign[0] and locked[1] >= foreign[1]
    relayer.finish()
    assert done > STEPS // 8
    for home in crossing.link.chains:
        assert is_done(home)
        require_conserved(home)
        assert count_abroad(home) == count_foreign(crossing.link.other(home))
    assert any(count_abroad(home) != (0, 0) for home in crossing.link.chains)


@pytest.mark.parametrize("seed", range(3))
def test_a_chain_that_lies_unlocks_no_more_than_was_sent_to_it(seed: int) -> None:
    """The south sends back what it does not have, and answers with errors what it has taken."""
    random = Random(seed)
    crossing = Crossing()
    north, south = crossing.link.chains
    unlocked = 0
    for _ in range(STEPS // 2):
        act_at_random(crossing, north, random)
        require_conserved(north)
        before = count_abroad(north)
        lie(crossing, south, random)
        answer = south_answers(crossing, north, random)
        if answer is not None:
            crossing.bring(north, answer)
        require_conserved(north)
        unlocked += count_abroad(north) < before
        crossing.link.seen = {one: len(one.happened) for one in crossing.link.chains}
    own, abroad = count_own(north), count_abroad(north)
    assert own[0] <= 2 * MADE_WH and own[1] <= MADE_G and min(abroad) >= 0
    assert unlocked


def south_answers(crossing: Crossing, north: Chain, random: Random) -> Answered | None:
    """An answer of the south to a packet of the north that has not ended, whatever became of it."""
    open_ones = [one for _, one in north.happened if isinstance(one, Sent)]
    if not open_ones:
        return None
    packet = random.choice(open_ones).packet
    answer = random.choice([ibc.ERROR_ACKNOWLEDGEMENT, ibc.SUCCESS, b"maybe"])
    return crossing.forge_answer(crossing.link.other(north), packet, answer)
