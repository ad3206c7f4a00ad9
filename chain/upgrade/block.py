"""Whether the rules of this release are those of a block, and what changes with an upgrade."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from blockenergy.upgrade.v1 import events_pb2, state_pb2

from chain.runtime.context import Context
from chain.runtime.state.collections import GenesisError, HasStore
from chain.upgrade import rules
from chain.upgrade.keeper import OtherReleaseError
from chain.upgrade.state import PLAN, UPGRADES

# Changes the state from the form that the rules before an upgrade had to that of the rules since.
Migration = Callable[[Context], None]


class Migrations:
    """The upgrades that a release has, by name, each with what it changes in the state."""

    def __init__(self, migrations: Mapping[str, Migration]) -> None:
        self._migrations = migrations

    def begin_block(self, ctx: Context) -> None:
        """Makes the upgrade that is planned for this block, if one is.

        Raises OtherReleaseError if the block is none of this release's.
        """
        plan = PLAN.get_shared(ctx)
        if plan.name and ctx.block.height >= plan.height:
            self._upgrade(ctx, plan)
        happened = {name for name, _ in UPGRADES.items(ctx)}
        for name in sorted(happened - set(self._migrations)):
            raise OtherReleaseError(
                f"the chain has made the upgrade {name}, which this release does not have; "
                "install one that has it"
            )
        for name in sorted(set(self._migrations) - happened):
            when = f"is planned for height {plan.height}" if plan.name == name else "is not planned"
            raise OtherReleaseError(
                f"this release begins with the upgrade {name}, which {when}; run the release "
                "before it until then"
            )

    def validate_genesis(self, state: HasStore) -> None:
        """Raises GenesisError unless a document is one of this release."""
        plan = PLAN.get(state)
        error = rules.find_plan_error(plan) if plan != state_pb2.Plan() else ""
        if error:
            raise GenesisError(f"upgrade.plan: {error}")
        happened = {name for name, _ in UPGRADES.items(state)}
        for name in sorted(happened ^ set(self._migrations)):
            lacking = "this release" if name in happened else "the document"
            raise GenesisError(f"upgrade.upgrades {name[:100]!r}: {lacking} does not have it")

    def _upgrade(self, ctx: Context, plan: state_pb2.Plan) -> None:
        migrate = self._migrations.get(plan.name)
        if migrate is None:
            info = f" ({plan.info})" if plan.info else ""
            raise OtherReleaseError(
                f"the upgrade {plan.name} begins at height {plan.height}; install the release "
                f"that has it{info} and start the node again",
                plan,
            )
        migrate(ctx)
        UPGRADES.set(ctx, plan.name, ctx.block.height)
        PLAN.set(ctx, state_pb2.Plan())
        ctx.emit(events_pb2.EventUpgraded(name=plan.name))
