"""Loops of trades, by the messages of the chain: whoever ends without shares ends with no more."""

from __future__ import annotations

from blockenergy.forecast.v1 import state_pb2, tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain import bank
from chain.forecast import ACCOUNT, lmsr, msgs
from chain.forecast.state import HOLDINGS, MARKETS
from chain.runtime.context import BlockInfo, Context
from chain.runtime.state.store import CacheStore
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.world import CHAIN_ID, START_S, World

OUTCOMES, POCKET_MONEY = 3, 10**12
TRADERS = ("anna", "ben")
WORLD = World()
trades = st.tuples(
    st.sampled_from(TRADERS), st.integers(0, OUTCOMES - 1), st.integers(-3_000_000, 5_000_000)
)


def make_market(beta: int) -> CacheStore:
    funding = lmsr.compute_funding(OUTCOMES, beta)
    store = CacheStore(WORLD.store)
    market = state_pb2.PredictionMarket(
        creator=people.address_text("issuer"),
        reporter=people.address_text("distributor"),
        status=state_pb2.MARKET_STATUS_OPEN,
        names=["low", "middle", "high"],
        shares=[0] * OUTCOMES,
        beta=beta,
        funding=funding,
        money=funding,
        closes_at_s=START_S + 100,
    )
    ctx = act(store, "anna")
    MARKETS.set(ctx, 1, market)
    bank.mint(ctx, ACCOUNT, "ueur", funding)
    for name in TRADERS:
        bank.mint(ctx, people.wallet(name).address, "ueur", POCKET_MONEY)
    return store


def act(store: CacheStore, name: str) -> Context:
    block = BlockInfo(CHAIN_ID, height=1, time_s=START_S)
    return Context(store, block, signer=people.wallet(name).address)


def trade(store: CacheStore, name: str, outcome: int, change: int) -> None:
    """Buys, or sells at most what there is; nothing if there is nothing."""
    ctx = act(store, name)
    held = HOLDINGS.get(ctx, (1, ctx.signer))
    if change > 0:
        buy = tx_pb2.MsgBuyShares(market_id=1, outcome=outcome, shares=change, limit=change + 1)
        msgs.buy_shares(ctx, buy)
    elif change and held and held.shares[outcome]:
        sold = min(-change, held.shares[outcome])
        msgs.sell_shares(ctx, tx_pb2.MsgSellShares(market_id=1, outcome=outcome, shares=sold))


@given(st.integers(100_000, 10**8), st.lists(trades, max_size=12), st.permutations(range(OUTCOMES)))
@examples(60)
def test_no_loop_of_trades_gains(
    beta: int, drawn: list[tuple[str, int, int]], back: list[int]
) -> None:
    store = make_market(beta)
    before = {name: get_money(store, name) for name in TRADERS}
    for name, outcome, change in drawn:
        trade(store, name, outcome, change)
        market = MARKETS.get(act(store, "anna"), 1)
        assert market is not None
        assert market.money >= max(market.shares)
        assert all(get_money(store, one) <= before[one] for one in TRADERS), "profits wait"
    for name in TRADERS:
        for outcome in back:
            trade(store, name, outcome, -(10**12))
    after = {name: get_money(store, name) + get_waiting(store, name) for name in TRADERS}
    assert sum(after.values()) == sum(before.values())
    if len({name for name, _, _ in drawn}) == 1:
        assert after == before
    market = MARKETS.get(act(store, "anna"), 1)
    assert market is not None
    waiting = sum(get_waiting(store, name) for name in TRADERS)
    assert market.money == market.funding + waiting and not any(market.shares)


def get_money(store: CacheStore, name: str) -> int:
    return bank.get_balance(act(store, name), people.wallet(name).address, "ueur")


def get_waiting(store: CacheStore, name: str) -> int:
    """What somebody's sales have brought beyond what was paid: it waits for the end."""
    held = HOLDINGS.get(act(store, name), (1, people.wallet(name).address))
    return max(0, held.received - held.paid) if held else 0
