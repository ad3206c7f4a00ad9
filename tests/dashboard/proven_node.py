"""A street whose state is committed to by headers that validators of ours have signed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from street_node import StreetNode

from chain import app
from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.proofs import build_proof_ops
from tests.clients.light.light_chain import (
    Block,
    Signer,
    describe,
    describe_validator,
    make_block,
    validators_of,
)
from tests.support.world import World


class ProvenNode(StreetNode):
    """Proves what is under a key after its latest block, in the header of the one behind it.

    sets: who signs from which height on.
    """

    def __init__(self, world: World, sets: dict[int, Sequence[Signer]]) -> None:
        super().__init__(world)
        self.sets = sets
        self.responses |= {"commit": self._commit, "validators": self._validators}

    def get_signers(self, height: int) -> Sequence[Signer]:
        """Who signs a block."""
        return self.sets[max(first for first in self.sets if first <= height)]

    def _make_block(self, height: int) -> Block:
        return make_block(
            height,
            self.get_signers(height),
            self.get_signers(height + 1),
            app_hash=self._commit_to_state().app_hash,
        )

    def _commit_to_state(self) -> Multistore:
        trees = Multistore(app.KEYSPACE.module_names.values())
        trees.update(app.KEYSPACE.split_by_module(dict(self.world.store.items(b"", b"\xff" * 64))))
        return trees

    def _commit(self, params: dict[str, Any]) -> dict[str, Any]:
        height = int(params.get("height") or len(self.blocks) + 1)
        return {"signed_header": describe(self._make_block(height).signed)}

    def _validators(self, params: dict[str, Any]) -> dict[str, Any]:
        listed = validators_of(self.get_signers(int(params["height"])))
        return {"total": str(len(listed)), "validators": [*map(describe_validator, listed)]}

    def _query(self, params: dict[str, Any]) -> dict[str, Any]:
        if not params.get("prove"):
            return super()._query(params)
        assert int(params["height"]) == len(self.blocks)
        module, key = params["path"].split("/")[2], bytes.fromhex(params["data"])

        def get_value(tree_key: bytes) -> bytes | None:
            return self.world.store.get(app.KEYSPACE.get_store_key(module, tree_key))

        ops = build_proof_ops(self._commit_to_state(), module, key, get_value)
        shown = [
            {
                "type": op.type,
                "key": base64.b64encode(op.key).decode(),
                "data": base64.b64encode(op.data).decode(),
            }
            for op in ops
        ]
        value = base64.b64encode(get_value(key) or b"").decode()
        return {"response": {"code": 0, "value": value, "proofOps": {"ops": shown}}}
