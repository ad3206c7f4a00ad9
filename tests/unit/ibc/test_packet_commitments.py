"""What is committed to of packets, by the figures of ibc-go, and which names it takes."""

from __future__ import annotations

import pytest

from chain.ibc import identifiers, packets
from chain.ibc.packets import Kind, Payload

VALUE = (
    b'{"denom":"uatom","amount":"1000000","sender":"sender","receiver":"receiver","memo":"memo"}'
)
PAYLOAD = Payload("transfer", "transfer", "ics20-1", "application/json", VALUE)


def test_commitment_of_a_packet() -> None:
    commitment = packets.compute_packet_commitment("07-tendermint-1", 100, [PAYLOAD])
    assert commitment.hex() == "a096722aa6534040a0efbdae05765132a7b223ad306d6512f3734821bd046505"


@pytest.mark.parametrize(
    ("acknowledgement", "expected"),
    [
        (b"some bytes", "f03b4667413e56aaf086663267913e525c442b56fa1af4fa3f3dab9f37044c5b"),
        (
            packets.ERROR_ACKNOWLEDGEMENT,
            "e2fb30dfbf7abdeaca82d426534d2b3a9d5444dd2a87fa16d38b77ba1a13ced7",
        ),
    ],
)
def test_commitment_of_an_acknowledgement(acknowledgement: bytes, expected: str) -> None:
    assert packets.compute_acknowledgement_commitment([acknowledgement]).hex() == expected


def test_every_part_of_a_packet_counts() -> None:
    others = [
        PAYLOAD._replace(value=b""),
        *(PAYLOAD._replace(**{k: "other"}) for k in PAYLOAD._fields[:4]),
    ]
    commitments = {
        packets.compute_packet_commitment(client, timeout, payloads)
        for client, timeout, payloads in (
            ("07-tendermint-1", 100, [PAYLOAD]),
            ("07-tendermint-2", 100, [PAYLOAD]),
            ("07-tendermint-1", 101, [PAYLOAD]),
            ("07-tendermint-1", 100, [PAYLOAD, PAYLOAD]),
            *(("07-tendermint-1", 100, [other]) for other in others),
        )
    }
    assert len(commitments) == 9


def test_keys() -> None:
    assert packets.make_key("07-tendermint-0", Kind.COMMITMENT, 258) == (
        b"07-tendermint-0\x01\x00\x00\x00\x00\x00\x00\x01\x02"
    )
    assert packets.make_key("07-tendermint-0", Kind.RECEIPT, 1)[15:16] == b"\x02"
    assert packets.make_key("07-tendermint-0", Kind.ACKNOWLEDGEMENT, 1)[15:16] == b"\x03"


@pytest.mark.parametrize(
    ("chain_id", "revision"),
    [
        *[("energy-1", 1), ("a-b-12", 12), ("energy-18446744073709551615", 2**64 - 1)],
        *[("energy", 0), ("energy-0", 0), ("energy-01", 0), ("energy--1", 0), ("-1", 0)],
        *[("energy-", 0), ("energy-1\n", 0), ("energy-18446744073709551616", 0), ("", 0)],
        *[("energy-\u0661", 0), ("energy-" + "9" * 10_000, 0)],
    ],
)
def test_revisions(chain_id: str, revision: int) -> None:
    assert identifiers.parse_revision(chain_id) == revision


def test_names() -> None:
    good = ("07-tendermint-0", "07-tendermint-12345", "a" * 62 + "-1")
    bad = ("", "07-tend", "07-tendermint", "07-tendermint-01", "07/tendermint-1", "a" * 63 + "-1")
    assert all(identifiers.is_client_id(name) for name in good)
    assert not any(identifiers.is_client_id(name) for name in (*bad, "07-tendermint-1\n"))
    assert identifiers.is_port_id("transfer")
    assert not any(identifiers.is_port_id(name) for name in ("", "a", "a/b", "a" * 129, "ab\n"))
