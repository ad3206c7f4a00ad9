"""Keys of a gateway: of two kinds for readings, and counters under those of telegrams."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from chain.metering import is_signed
from client.cli.__main__ import main
from client.signing.keyring import Keyring
from client.signing.keys import MeterKey, P256MeterKey
from meter_bridge.chain import Meter
from meter_bridge.formats.telegram import Secrets
from meter_bridge.gateway.collector import Collector
from meter_bridge.gateway.config import check
from meter_bridge.gateway.run import RunningGateway
from tests.bridge.fakes import BRIDGE, CHAIN_ID, NOW_S, SLOT, SLOT_LENGTH_S, FakeChain, make_key
from tests.bridge.gateway.test_meter_gateway import (
    METER,
    TERMS,
    collecting,
    make_document,
    registers,
)
from tests.bridge.service.serving import require_no_failure, running
from tests.bridge.waiting import wait_until
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import SECRETS, Shown


@pytest.mark.parametrize("kind", [MeterKey, P256MeterKey])
def test_the_chain_has_a_salted_hash_of_the_telegram(
    kind: type[MeterKey], tmp_path: Path, chain: FakeChain, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, key = written.make_dsmr(Shown(NOW_S)), kind(b"\7" * 32)
    chain.meters[METER] = Meter(BRIDGE, key.pub_key, is_active=True)
    with running(tmp_path, chain) as bridge:
        document = make_document(tmp_path, f"127.0.0.1:{bridge.port}")
        Keyring(tmp_path / "keys").add("secure", key, None)
        document["meter"][0]["key"] = "secure"
        with RunningGateway(check(document, tmp_path), require_no_failure) as started:
            started.collectors[0].deliver(raw, NOW_S)
            wait_until(lambda: (METER, SLOT) in chain.recorded)
            assert started.store.forget_raw(NOW_S) == 0
    recorded = chain.recorded[METER, SLOT]
    config = tmp_path / "gateway.toml"
    config.write_text(
        'home = "gateway"\nkeyring = "keys"\n[[meter]]\nid = "HOME-07"\nkey = "secure"\n'
        'format = "dsmr-p1"\nsource = { type = "files", folder = "drop" }\n'
    )
    proof = ["meter", "proof", str(config), METER, str(SLOT), "-o", "json"]
    assert main(proof) == 0
    shown = json.loads(capsys.readouterr().out)
    salt = bytes.fromhex(shown["salt"])
    assert bytes.fromhex(shown["telegram"]) == raw and len(salt) == 16
    assert hashlib.sha256(salt + raw).digest() == recorded.telegram_hash
    assert is_signed(key.pub_key, CHAIN_ID, recorded)
    # Nor is anything of the telegram in what was sent.
    assert raw[:40] not in recorded.SerializeToString()
    assert main([*proof[:4], str(SLOT + 1)]) != 0


def test_a_counter_begins_again_with_another_key_only(tmp_path: Path) -> None:
    key = bytes(16)
    with collecting(tmp_path, "dlms-ciphered") as (collector, _):
        assert collector.deliver(written.make_dlms_ciphered(Shown(NOW_S), counter=900), NOW_S)
    later = Shown(NOW_S + SLOT_LENGTH_S)
    raw = written.encipher(written.make_notification(later), 1, key=key)
    with collecting(tmp_path, "dlms-ciphered") as (collector, store):
        again = written.make_dlms_ciphered(later, counter=900)
        assert not collector.deliver(again, NOW_S)
        assert "sent before" in collector.problem
        secrets = Secrets(key, SECRETS.authentication_key)
        other = Collector(
            collector.meter, make_key(METER), secrets, store, lambda: TERMS, is_protected=True
        )
        assert other.deliver(raw, NOW_S), other.problem
        assert not other.deliver(raw, NOW_S)
        assert len(registers(store)) == 2
