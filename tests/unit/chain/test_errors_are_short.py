"""An error is one short sentence, however long the input that it quotes."""

from __future__ import annotations

import pytest

from chain import app
from chain.runtime.errors import ChainError, SdkError
from chain.runtime.state.collections import GenesisError
from tests.support import documents
from tests.support.world import World


def test_a_detail_is_cut_and_the_sentence_stays() -> None:
    error = ChainError(SdkError.INVALID_COINS, "x" * 1_000_000)
    assert len(error.log) < 500
    assert error.log.endswith(f"x...: {SdkError.INVALID_COINS.text}")


def test_a_short_detail_is_kept_whole() -> None:
    assert ChainError(SdkError.INVALID_COINS, "5ueur").log.startswith("5ueur: ")


def test_a_denomination_as_long_as_a_transaction_allows_is_not_sent_back() -> None:
    world = World()
    result = world.block(world.send("anna", "ben", 5, "x" * 3_000)).tx_results[0]
    assert result.code
    assert len(result.log) < 500


def test_a_genesis_document_is_not_quoted_whole() -> None:
    document = documents.expand(documents.complete(documents.street()))
    document["bank"]["params"] = document["bank"]["balances"] * 1_000
    with pytest.raises(GenesisError) as caught:
        app.init_chain(document)
    text = str(caught.value)
    assert text.startswith("bank.params: an object is expected")
    assert len(text) < 600
