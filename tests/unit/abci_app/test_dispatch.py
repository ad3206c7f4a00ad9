from collections.abc import Sequence

import pytest
from google.protobuf.message import Message
from tendermint.abci import types_pb2 as abci

from abci_app.protocol.application import Application
from abci_app.protocol.dispatch import CallFailed, Dispatcher, make_exception_reply
from abci_app.protocol.framing import FrameReader, FramingError
from tests.node.application.toy import KeyValueApplication

CALLS = [field.name for field in abci.Request.DESCRIPTOR.oneofs_by_name["value"].fields]
OWN_CALLS = [name for name in CALLS if name not in ("echo", "flush")]


def parse(framed: bytes) -> abci.Response:
    (payload,) = FrameReader(1 << 20).feed(framed)
    return abci.Response.FromString(payload)


def make_request(name: str) -> bytes:
    request = abci.Request()
    getattr(request, name).SetInParent()
    return request.SerializeToString()


def answer(application: Application, frame: bytes) -> bytes:
    dispatcher = Dispatcher(application)
    return dispatcher.answer(dispatcher.decode(frame))


def test_the_application_has_one_method_for_each_call_of_the_protocol() -> None:
    methods = {name for name in vars(Application) if not name.startswith("_")}
    assert methods == {*OWN_CALLS, "on_check_tx_batch"}


@pytest.mark.parametrize("name", CALLS)
def test_each_call_gets_the_reply_of_its_name(name: str) -> None:
    reply = parse(answer(KeyValueApplication(), make_request(name)))
    assert reply.WhichOneof("value") == name


def test_the_reply_is_what_protobuf_itself_would_write() -> None:
    application = KeyValueApplication()
    txs = [b"a=1", b"no", b"b=" + b"x" * 40_000]
    request = abci.RequestFinalizeBlock(txs=txs, height=7)
    framed = answer(application, abci.Request(finalize_block=request).SerializeToString())
    expected = abci.Response(finalize_block=application.finalize_block(request))
    (payload,) = FrameReader(1 << 20).feed(framed)
    assert payload == expected.SerializeToString()


def test_an_echo_comes_back() -> None:
    request = abci.Request(echo=abci.RequestEcho(message="Grüezi"))
    reply = parse(answer(KeyValueApplication(), request.SerializeToString()))
    assert reply.echo.message == "Grüezi"


def test_the_application_is_told_of_all_transactions_before_it_is_called_for_one() -> None:
    heard: list[list[bytes]] = []

    class Listening(KeyValueApplication):
        def on_check_tx_batch(self, requests: Sequence[abci.RequestCheckTx]) -> None:
            heard.append([request.tx for request in requests])

    dispatcher = Dispatcher(Listening())
    txs = [abci.Request(check_tx=abci.RequestCheckTx(tx=tx)) for tx in (b"a=1", b"b=2")]
    others = [abci.Request(flush=abci.RequestFlush()), abci.Request(info=abci.RequestInfo())]
    dispatcher.begin_batch([dispatcher.decode(r.SerializeToString()) for r in [*txs, *others]])
    dispatcher.begin_batch([dispatcher.decode(r.SerializeToString()) for r in others])
    assert heard == [[b"a=1", b"b=2"]]


def test_an_exception_is_a_failed_call_with_its_cause() -> None:
    class Broken(KeyValueApplication):
        def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
            raise OSError(28, "No space left on device")

    with pytest.raises(CallFailed, match="commit failed: OSError") as caught:
        answer(Broken(), make_request("commit"))
    assert caught.value.call == "commit"
    assert isinstance(caught.value.cause, OSError)


def test_the_reply_of_another_call_is_a_failed_call() -> None:
    class Confused(KeyValueApplication):
        def commit(self, request: abci.RequestCommit) -> Message:  # type: ignore[override]
            return abci.ResponseInfo()

    with pytest.raises(CallFailed, match="commit returned ResponseInfo"):
        answer(Confused(), make_request("commit"))


@pytest.mark.parametrize(
    "frame",
    [b"\xff\xff", b"\x0a\x05abc", b"\x0a\x01\xff", abci.Request().SerializeToString()],
    ids=["no protobuf", "cut short", "no text in a text field", "no call"],
)
def test_bytes_that_are_no_request_are_rejected(frame: bytes) -> None:
    with pytest.raises(FramingError, match="request"):
        answer(KeyValueApplication(), frame)


def test_a_call_of_a_later_abci_is_rejected() -> None:
    # Field 21 is InsertTx of CometBFT 0.39.
    with pytest.raises(FramingError, match=r"ABCI 2\.0"):
        answer(KeyValueApplication(), b"\xaa\x01\x00")


def test_an_exception_reply_carries_its_text() -> None:
    assert parse(make_exception_reply("No.")).exception.error == "No."


def test_an_application_without_snapshots_rejects_them() -> None:
    application = KeyValueApplication()
    offered = application.offer_snapshot(abci.RequestOfferSnapshot())
    assert offered.result == abci.ResponseOfferSnapshot.Result.ABORT
    applied = application.apply_snapshot_chunk(abci.RequestApplySnapshotChunk(chunk=b"x"))
    assert applied.result == abci.ResponseApplySnapshotChunk.Result.ABORT
    assert not application.list_snapshots(abci.RequestListSnapshots()).snapshots
    assert application.load_snapshot_chunk(abci.RequestLoadSnapshotChunk()).chunk == b""


def test_an_application_without_vote_extensions_accepts_only_its_own() -> None:
    application = KeyValueApplication()
    status = abci.ResponseVerifyVoteExtension.VerifyStatus
    own = application.extend_vote(abci.RequestExtendVote()).vote_extension
    for extension, expected in ((own, status.ACCEPT), (b"x", status.REJECT)):
        request = abci.RequestVerifyVoteExtension(vote_extension=extension)
        assert application.verify_vote_extension(request).status == expected


@pytest.mark.parametrize("extra", [4, 5, 8])
def test_a_length_that_protobuf_rejects_is_rejected_around_check_tx_too(extra: int) -> None:
    payload = abci.RequestCheckTx(tx=b"a=1").SerializeToString()
    # The length in more bytes than it needs.
    length = bytes([len(payload) | 0x80]) + b"\x80" * (extra - 1) + b"\x00"
    frame = b"\x42" + length + payload
    if len(length) <= 5:
        assert parse(answer(KeyValueApplication(), frame)).check_tx.code == 0
    else:
        with pytest.raises(FramingError, match="request"):
            answer(KeyValueApplication(), frame)
