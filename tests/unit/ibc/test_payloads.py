"""What is read from payloads, proofs and headers of others, however they were made."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibc.applications.transfer.v1.packet_pb2 import FungibleTokenPacketData
from ibc.core.commitment.v1.commitment_pb2 import MerkleProof

from chain.ibc import keeper, transfer_data
from chain.ibc.transfer_data import JSON, PROTOBUF, VERSION, TransferData, TransferDataError
from chain.runtime.errors import ChainError

GOOD = TransferData("transfer/07-tendermint-0/uatom", 1_000, "cosmos1sender", "energy1receiver")


def content(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "denom": GOOD.path,
        "amount": "1000",
        "sender": GOOD.sender,
        "receiver": GOOD.receiver,
    }
    return {**fields, **changes}


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_what_is_written_is_read(encoding: str) -> None:
    assert transfer_data.read(VERSION, encoding, transfer_data.write(GOOD, encoding)) == GOOD


def test_json_of_others_is_read() -> None:
    """With white space, escapes, a memo, in any order."""
    text = json.dumps(content(memo="ä\n"), indent=1, sort_keys=True).replace("uatom", "\\u0075atom")
    assert transfer_data.read(VERSION, JSON, text.encode()) == GOOD


@pytest.mark.parametrize(
    "value",
    [
        *[b"", b"{}", b"[]", b"null", b"{", b'"denom"', b"\xff\xfe", b"[" * 40_000],
        b'{"denom":' + b"[" * 30_000,
        json.dumps(content(amount=1000)).encode(),
        json.dumps(content(more="x")).encode(),
        json.dumps(content(memo=None)).encode(),
        json.dumps(content(sender={"a": "b"})).encode(),
        json.dumps(content(sender="\ud800")).encode(),
        json.dumps(content()).encode()[:-1] + b',"denom":"uatom"}',
        json.dumps(content()).encode() + b"x",
        json.dumps(content()).encode().replace(b": ", b":\x0b"),
        json.dumps(content(memo="x" * 40_000)).encode(),
    ],
)
def test_json_that_is_no_transfer(value: bytes) -> None:
    with pytest.raises(TransferDataError):
        transfer_data.read(VERSION, JSON, value)


@pytest.mark.parametrize(
    "changes",
    [
        *[{"amount": text} for text in ("", "0", "01", "-1", "1e3", "1.0", "\u0661", "9" * 19)],
        *[{"amount": str(2**63)}, {"sender": ""}, {"receiver": ""}, {"receiver": "x" * 129}],
        *[
            {"denom": text}
            for text in ("", "a", "uatom/x", "transfer/uatom", "x/07-tendermint-0/u")
        ],
        *[{"denom": "transfer/channel/uatom"}, {"denom": "transfer/07-tendermint-0/"}],
        *[{"denom": "transfer/07-tendermint-0/" * 5 + "uatom"}, {"denom": "u" * 129}],
    ],
)
@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_fields_that_no_transfer_has(changes: dict[str, str], encoding: str) -> None:
    fields = content(**changes)
    message = FungibleTokenPacketData(**fields)  # type: ignore[arg-type]
    value = json.dumps(fields).encode() if encoding == JSON else message.SerializeToString()
    with pytest.raises(TransferDataError):
        transfer_data.read(VERSION, encoding, value)


def test_other_versions_and_encodings() -> None:
    value = transfer_data.write(GOOD, PROTOBUF)
    others = (("ics20-2", PROTOBUF), (VERSION, "application/x-solidity-abi"), (VERSION, ""))
    for version, encoding in others:
        with pytest.raises(TransferDataError):
            transfer_data.read(version, encoding, value)


@given(st.sampled_from([JSON, PROTOBUF]), st.binary(max_size=8), st.integers(0, 200))
def test_no_bytes_raise_anything_else(encoding: str, put: bytes, at: int) -> None:
    data = transfer_data.write(GOOD, encoding)
    at %= len(data)
    for value in (put, data[:at] + put + data[at:], data[:at] + put + data[at + 1 :]):
        try:
            read = transfer_data.read(VERSION, encoding, value)
        except TransferDataError:
            continue
        assert 0 < read.amount < 2**63
        assert transfer_data.is_path(read.path)


@given(st.binary(max_size=200))
def test_no_proof_raises_anything_else(data: bytes) -> None:
    with pytest.raises(ChainError):
        keeper.require_proven(b"\x01" * 32, b"key", b"value", data)


def test_a_proof_has_two_steps() -> None:
    proof = MerkleProof(proofs=[{}] * 3).SerializeToString()
    with pytest.raises(ChainError, match="2 steps"):
        keeper.require_proven(b"\x01" * 32, b"key", b"value", proof)


def test_denominations_and_escrow_by_the_figures_of_others() -> None:
    """sha256 of `transfer/channel-0/uatom`, as every chain that has it shows it."""
    name = "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"
    assert transfer_data.get_denom("transfer/channel-0/uatom") == name
    assert transfer_data.get_denom("uatom") == "uatom"
    assert len(transfer_data.get_escrow_account("07-tendermint-0")) == 20
