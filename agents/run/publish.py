"""Forecasts of a target, once a day, from what the target came to before."""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.forecast.v1.query_pb2 import QueryOutcomesRequest, QueryOutcomesResponse
from blockenergy.forecast.v1.tx_pb2 import MsgSubmitForecast

from agents.chain_view import Ask
from agents.run.journal import Journal
from agents.run.observe import Network
from agents.run.settings import PublishSettings
from agents.trading.expect import Past, forecast
from client.account import Signer

# Low and high are what a sixth of cases is beyond: 0.967 standard deviations of the normal
# distribution, whose 10 % to 90 % quantiles are these, in permille of that distance.
QUANTILES_PERMILLE = (-1325, -870, -542, -262, 0, 262, 542, 870, 1325)
SLOTS_MAX = 192


def publish(
    signer: Signer,
    ask: Ask,
    settings: PublishSettings,
    network: Network,
    journal: Journal,
    slot: int,
) -> None:
    """Submits a forecast of a day unless one is on its way that still reaches far enough.

    Sent twice it is rejected the second time, so nothing has to be written down before. Raises
    RejectedError if the chain takes none, after which it is tried again a day later.
    """
    if journal.get_note("published_until", 0) > slot + 1:
        return
    first = slot + 2
    slots = range(first, first + min(network.per_day, SLOTS_MAX))
    journal.write_notes({"published_until": slots[-1]})
    found = ask(QueryOutcomesRequest(target_id=settings.target_id), QueryOutcomesResponse)
    known = {one.slot: one.outcome.value for one in found.outcomes if one.outcome.known}
    past = Past(network.per_day, known)
    expected = forecast(past, max(known, default=slot - 1), slots)
    message = MsgSubmitForecast(
        forecaster=signer.address,
        target_id=settings.target_id,
        first_slot=first,
        quantiles=[value for one in slots for value in spread(expected[one])],
        stake_per_slot=settings.stake_per_slot,
    )
    signer.send([message]).require_ok()


def spread(values: Sequence[int]) -> list[int]:
    """Nine quantiles around a middle, as wide on each side as low and high are apart from it."""
    low, middle, high = values
    return [
        middle + (middle - low if permille < 0 else high - middle) * permille // 1000
        for permille in QUANTILES_PERMILLE
    ]
