"""What analysts say of meters is verified, kept, labelled, and never becomes a reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import Insight, InsightPart

from client.errors import UsageError
from meter_bridge import insights
from meter_bridge.__main__ import make_parser, make_settings
from meter_bridge.client import BridgeUnreachableError
from meter_bridge.insights import sign_insight
from tests.bridge.fakes import CHAIN_ID, SLOT, FakeChain, make_key
from tests.bridge.service.serving import connect, running

METER, ANALYST = "HOME-07", "bidgely"
KEY = make_key("analyst")
ANALYSTS = {ANALYST: KEY.pub_key}
# The categories in which one analyst answers.
SHARES = {
    "alwaysOn": 310, "cooking": 90, "entertainment": 120, "laundry": 80, "lighting": 110,
    "refrigeration": 140, "other": 150,
}  # fmt: skip


def make_insight(**changes: object) -> Insight:
    insight = Insight(
        analyst=ANALYST,
        meter_id=METER,
        kind=bridge_pb2.INSIGHT_DISAGGREGATION,
        first_slot=SLOT - 95,
        last_slot=SLOT,
        parts=[InsightPart(name=name, share_permille=share) for name, share in SHARES.items()],
    )
    for name, value in changes.items():
        setattr(insight, name, value)
    return sign_insight(KEY, CHAIN_ID, insight)


def test_an_insight_is_kept_and_told_and_is_no_reading(tmp_path: Path, chain: FakeChain) -> None:
    with running(tmp_path, chain, analysts=ANALYSTS) as bridge, connect(bridge) as client:
        first, second = make_insight(), make_insight(revision=1)
        for insight in (first, second):
            assert client.push_insight(insight).result == bridge_pb2.INSIGHT_ACCEPTED
            assert client.push_insight(insight).result == bridge_pb2.INSIGHT_DUPLICATE
        assert client.health().backlog == 0 and client.status(METER, SLOT) is None
    # It is there after a restart.
    with running(tmp_path, chain, analysts=ANALYSTS) as bridge, connect(bridge) as client:
        told = client.list_insights(METER).insights
        assert [one.insight for one in told] == [first, second]
        assert [one.insight for one in client.list_insights(METER, told[0].number).insights] == [
            second
        ]
        assert not client.list_insights("HOME-08").insights
    assert not chain.recorded


def spoil(insight: Insight) -> None:
    insight.parts[0].share_permille += 1
    insight.parts[1].share_permille -= 1


REJECTED: list[tuple[Callable[[], Insight], int]] = [
    (lambda: make_insight(analyst="other"), bridge_pb2.INSIGHT_ANALYST_UNKNOWN),
    (lambda: make_insight(meter_id="HOME-99"), bridge_pb2.INSIGHT_METER_UNKNOWN),
    (lambda: make_insight(kind=0), bridge_pb2.INSIGHT_MALFORMED),
    (lambda: make_insight(kind=bridge_pb2.INSIGHT_FORECAST), bridge_pb2.INSIGHT_MALFORMED),
    (lambda: make_insight(kind=bridge_pb2.INSIGHT_ALERT), bridge_pb2.INSIGHT_MALFORMED),
    (lambda: make_insight(last_slot=1), bridge_pb2.INSIGHT_MALFORMED),
    (lambda: make_insight(meter_id="a b"), bridge_pb2.INSIGHT_MALFORMED),
    (Insight, bridge_pb2.INSIGHT_MALFORMED),
]


@pytest.mark.parametrize(("make", "result"), REJECTED)
def test_what_is_not_kept(
    make: Callable[[], Insight], result: int, tmp_path: Path, chain: FakeChain
) -> None:
    with running(tmp_path, chain, analysts=ANALYSTS) as bridge, connect(bridge) as client:
        assert client.push_insight(make()).result == result
        assert not client.list_insights(METER).insights


def test_a_signature_is_for_one_content_and_one_chain(tmp_path: Path, chain: FakeChain) -> None:
    altered = make_insight()
    spoil(altered)
    elsewhere = sign_insight(KEY, "street-2", make_insight())
    other = make_insight()
    spoil(other)
    conflict = sign_insight(KEY, CHAIN_ID, other)
    with running(tmp_path, chain, analysts=ANALYSTS) as bridge, connect(bridge) as client:
        for insight in (altered, elsewhere):
            response = client.push_insight(insight)
            assert response.result == bridge_pb2.INSIGHT_WRONG_SIGNATURE
        client.push_insight(make_insight())
        assert client.push_insight(conflict).result == bridge_pb2.INSIGHT_CONFLICT
        assert len(client.list_insights(METER).insights) == 1


def test_a_forecast_has_an_energy_for_each_slot(tmp_path: Path, chain: FakeChain) -> None:
    forecast = Insight(
        analyst=ANALYST, meter_id=METER, kind=bridge_pb2.INSIGHT_FORECAST,
        first_slot=SLOT, last_slot=SLOT + 1,
        parts=[InsightPart(name=str(slot), energy_wh=250) for slot in (SLOT, SLOT + 1)],
    )  # fmt: skip
    with running(tmp_path, chain, analysts=ANALYSTS) as bridge, connect(bridge) as client:
        response = client.push_insight(sign_insight(KEY, CHAIN_ID, forecast))
        assert response.result == bridge_pb2.INSIGHT_ACCEPTED
        del forecast.parts[1]
        response = client.push_insight(sign_insight(KEY, CHAIN_ID, forecast))
        assert "one energy for each" in response.detail


def test_no_more_than_may_be_kept(
    tmp_path: Path, chain: FakeChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insights, "KEPT_MAX", 1)
    with running(tmp_path, chain, analysts=ANALYSTS) as bridge, connect(bridge) as client:
        results = [client.push_insight(make_insight(revision=one)).result for one in range(2)]
    assert results == [bridge_pb2.INSIGHT_ACCEPTED, bridge_pb2.INSIGHT_FULL]


def test_while_the_chain_is_away(tmp_path: Path, chain: FakeChain) -> None:
    chain.is_reachable = False
    with (
        running(tmp_path, chain, analysts=ANALYSTS) as bridge,
        connect(bridge) as client,
        pytest.raises(BridgeUnreachableError, match="has not reached the chain"),
    ):
        client.push_insight(make_insight())


def test_the_option_names_analysts(tmp_path: Path) -> None:
    options = ["--home", str(tmp_path), "--key", "x", "--analyst", f"a={KEY.pub_key.hex()}"]
    assert make_settings(make_parser().parse_args(options)).analysts == {"a": KEY.pub_key}
    for wrong in ("a", "a=00", f"a b={KEY.pub_key.hex()}"):
        with pytest.raises(UsageError, match="64 hexadecimal"):
            make_parser().parse_args([*options[:-1], wrong])
