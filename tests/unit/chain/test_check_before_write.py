"""The watch over all messages in tests notices a message that writes before it is rejected."""

from __future__ import annotations

from dataclasses import replace

import pytest
from blockenergy.bank.v1 import events_pb2, tx_pb2

from chain.runtime.context import BlockInfo, Context
from chain.runtime.errors import ChainError, SdkError
from chain.runtime.state.store import CacheStore, MemoryStore
from tests.support import check_before_write
from tests.support.world import World


def _reject(ctx: Context, message: tx_pb2.MsgMint) -> tx_pb2.MsgMintResponse:
    raise ChainError(SdkError.INVALID_REQUEST)


def _write_and_reject(ctx: Context, message: tx_pb2.MsgMint) -> tx_pb2.MsgMintResponse:
    ctx.store.set(b"key", b"other value")
    return _reject(ctx, message)


def _delete_and_reject(ctx: Context, message: tx_pb2.MsgMint) -> tx_pb2.MsgMintResponse:
    ctx.store.delete(b"key")
    return _reject(ctx, message)


def _emit_and_reject(ctx: Context, message: tx_pb2.MsgMint) -> tx_pb2.MsgMintResponse:
    ctx.emit(events_pb2.EventMinted())
    return _reject(ctx, message)


def _context() -> Context:
    """As a message finds it that is not the first one of its transaction."""
    ctx = Context(CacheStore(MemoryStore()), BlockInfo("chain", 1, 0))
    ctx.store.set(b"key", b"value")
    ctx.emit(events_pb2.EventMinted())
    return ctx


@pytest.mark.parametrize("run", [_write_and_reject, _delete_and_reject, _emit_and_reject])
def test_a_message_that_leaves_a_trace_is_noticed(run: check_before_write.Run) -> None:
    with pytest.raises(AssertionError, match="MsgMint wrote before it was rejected"):
        check_before_write.watch(run)(_context(), tx_pb2.MsgMint())


def test_a_message_that_checks_first_is_rejected_as_ever() -> None:
    with pytest.raises(ChainError):
        check_before_write.watch(_reject)(_context(), tx_pb2.MsgMint())


def test_every_world_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    rules, url = check_before_write.make_rules(), "/cosmos.bank.v1beta1.MsgSend"
    run = check_before_write.watch(_write_and_reject)
    rules.handlers[url] = replace(rules.handlers[url], run=run)
    monkeypatch.setattr(check_before_write, "RULES", rules)
    world = World()
    with pytest.raises(AssertionError, match="MsgSend wrote before it was rejected"):
        world.block(world.send("anna", "ben", 1))
