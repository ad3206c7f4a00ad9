"""What forecasters, those who order forecasts, traders and reporters can do."""

from __future__ import annotations

from chain.forecast.prediction.disputes import decide_outcome, dispute_outcome, report_outcome
from chain.forecast.prediction.trading import buy_shares, create_market, sell_shares
from chain.forecast.scoring.submissions import (
    commit_forecast,
    register_model,
    reveal_forecast,
    submit_forecast,
)
from chain.forecast.scoring.targets import end_order, order_forecasts

__all__ = [
    "buy_shares",
    "commit_forecast",
    "create_market",
    "decide_outcome",
    "dispute_outcome",
    "end_order",
    "order_forecasts",
    "register_model",
    "report_outcome",
    "reveal_forecast",
    "sell_shares",
    "submit_forecast",
]
