"""Presets: those that we have, and what is said of one that lacks something."""

from pathlib import Path

import pytest

from client.errors import MissingError, UsageError
from node_config.preset import FOLDER, load_preset

NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))


def test_names() -> None:
    assert NAMES == ["demo", "localnet", "street", "year"]


@pytest.mark.parametrize("name", NAMES)
def test_slots_can_be_traded_and_metered(name: str) -> None:
    params = load_preset(name).params
    market, metering = params["market"], params["metering"]
    length_s = metering["slot_length_s"]
    assert market["gate_closure_s"] < length_s
    assert market["horizon_slots"] > 1
    assert metering["reading_deadline_s"] <= params["settlement"]["history_slots"] * length_s


@pytest.mark.parametrize("name", NAMES)
def test_what_is_turned_on_later_listens_on_this_machine_only(name: str) -> None:
    """CometBFT's own default is every address."""
    settings = load_preset(name).cometbft["instrumentation"]
    assert settings == {"prometheus": False, "prometheus_listen_addr": "127.0.0.1:26660"}


def test_demo_is_an_hour_per_slot() -> None:
    metering = load_preset("demo").params["metering"]
    assert (metering["slot_length_s"], metering["represented_duration_s"]) == (10, 3600)


def test_a_preset_on_top_of_another_one(tmp_path: Path) -> None:
    base, street = load_preset("localnet"), load_preset("street")
    assert street.params["metering"]["slot_length_s"] == 20
    untouched = {"horizon_slots", "price_low_per_kwh", "depth_max_wh"}
    assert all(street.params["market"][name] == base.params["market"][name] for name in untouched)
    # Feeders are not mixed: those of localnet are gone.
    assert sorted(street.feeders) == ["mill-lane", "north", "south"]
    path = tmp_path / "mine.toml"
    path.write_text('base = "street"\n[params.market]\ndepth_max_wh = 7\n')
    mine = load_preset(str(path))
    assert (mine.params["market"]["depth_max_wh"], mine.participants) == (7, street.participants)
    path.write_text('base = "huge"\n')
    with pytest.raises(MissingError, match=r"huge\.toml cannot be read"):
        load_preset(str(path))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('roles = "king"\namount = "1 EUR"', "'king' is not a role"),
        ('roles = "consumer"\namount = "1 GBP"', "'1 GBP' is not in EUR or ueur"),
        ('roles = "consumer"', "amount"),
        ('roles = "consumer"\namount = "1 EUR"\ncolour = "red"', "colour"),
        ('roles = "consumer"\namount = "1 EUR"\nmeter = { id = "M" }', "feeder"),
    ],
)
def test_faults_of_a_participant(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "localnet"\n[participants.eva]\n{text}\n')
    with pytest.raises(UsageError, match=sentence):
        load_preset(str(path))


def test_a_copy_can_be_used_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (FOLDER / "localnet.toml").read_text()
    path.write_text(text.replace("depth_max_wh = 50_000", "depth_max_wh = 7"))
    assert load_preset(str(path)).params["market"]["depth_max_wh"] == 7


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("[feeders.", "[lines.", "lines is not known"),
        ("[params.bank]", "[params.banc]", "params.banc is not known"),
        ('issuer = "1000 EUR"', 'issuer = "1000 GBP"', "'1000 GBP' is not in EUR or ueur"),
        ('issuer = "1000 EUR"', "", "balances.issuer is missing"),
        ("decimals = 6", "digits = 6", "digits"),
        ("[chain]", "[chain", "is not valid TOML"),
    ],
)
def test_faults(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    text = (FOLDER / "localnet.toml").read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises((UsageError, MissingError), match=sentence):
        load_preset(str(path))


def test_unknown_name() -> None:
    with pytest.raises(
        MissingError, match="there is no preset huge; use one of demo, localnet, street"
    ):
        load_preset("huge")
