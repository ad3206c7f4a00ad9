"""What the module does in every block, without a message; all of it within one budget of steps."""

from __future__ import annotations

from chain.forecast.keeper import get_params
from chain.forecast.prediction import endings
from chain.forecast.scoring import combining, rounds, targets
from chain.runtime.context import Context


def begin_block(ctx: Context) -> None:
    """Freezes the chain's own forecast of slots that have opened."""
    combining.freeze(ctx, get_params(ctx).steps_per_block_max)


def end_block(ctx: Context) -> None:
    """Scores forecasts of settled slots, moves and pays prediction markets, and removes what is
    old. The slots come first: they wait for nobody.
    """
    budget = get_params(ctx).steps_per_block_max
    for act in (
        endings.act_on_deadlines,
        endings.resolve_settled,
        rounds.score_rounds,
        endings.pay_shares,
        targets.close_ended,
    ):
        budget = max(0, budget - act(ctx, budget))
    targets.prune(ctx, get_params(ctx).steps_per_block_max)
