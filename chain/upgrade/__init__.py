"""Upgrades: the rules change on all nodes at one height, which the authority has planned.

Promises that no block is executed by rules which are not those of its height: a release that lacks
an upgrade stops before the block of it, and a release that has one does not run before it.
"""

from __future__ import annotations

from collections.abc import Mapping

from blockenergy.upgrade.v1 import query_pb2, tx_pb2

from chain.runtime.module import Module
from chain.upgrade import msgs, queries
from chain.upgrade.block import Migration, Migrations
from chain.upgrade.keeper import OtherReleaseError, UpgradeError
from chain.upgrade.state import SCHEMA


def make_module(migrations: Mapping[str, Migration]) -> Module:
    """The module of a release that has the upgrades of these names."""
    known = Migrations(migrations)
    return Module(
        name=SCHEMA.name,
        schema=SCHEMA,
        msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
        msgs=msgs,
        query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
        queries=queries,
        begin_block=known.begin_block,
        validate_genesis=known.validate_genesis,
    )


__all__ = ["Migration", "OtherReleaseError", "UpgradeError", "make_module"]
