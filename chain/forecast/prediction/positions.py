"""What an account has put into a prediction market, and what it gets out. Nothing here reads state.

What sales bring is paid out up to what the account has paid in; a profit beyond that waits until
the market ends. So a market without an outcome can be undone to the millionth: everybody gets back
what is still in, and the creator the funding.
"""

from __future__ import annotations

from blockenergy.forecast.v1 import state_pb2


def compute_stake(holding: state_pb2.Holding) -> int:
    """What an account has put in and not got back; at least 0."""
    return max(0, holding.paid - holding.received)


def compute_waiting(holding: state_pb2.Holding) -> int:
    """What sales have brought beyond what was paid in: it waits for the end."""
    return max(0, holding.received - holding.paid)


def compute_payout(market: state_pb2.PredictionMarket, holding: state_pb2.Holding) -> int:
    """What an account gets at the end: its shares of the outcome and its profits, or in a void
    market its stake.
    """
    if market.status == state_pb2.MARKET_STATUS_VOID:
        return compute_stake(holding)
    return holding.shares[market.outcome] + compute_waiting(holding)
