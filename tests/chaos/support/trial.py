"""A network under load to which something happens, and everything that must hold afterwards.

    with trial(tmp_path, chance) as run:
        run.network.kill("node0", "app")

While the block runs, clients pay each other and read balances through all nodes, and a household
trades and meters energy. At its end, whatever has happened, all of this is checked:

- every node reaches the same height, with the same block and app hash at every height;
- what a node or the bridge has acknowledged is in the chain, once, at the reported height;
- one order of events explains every balance that a client has read;
- every invariant of the chain holds on the disk of every node, and the supply is what it was.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from node_config.accounts import GenesisAccount
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.preset import Preset, load_preset
from tests.chaos.support.observed.checks import require_consistent, require_sound_states
from tests.chaos.support.observed.figures import note
from tests.chaos.support.processes import Faults
from tests.chaos.support.rpc import get_heights, let_pass, wait_until
from tests.chaos.support.traffic.energy import READING_DEADLINE_S, SLOT_LENGTH_S, Household
from tests.chaos.support.traffic.load import Load
from tests.support.running.networks import require_cometbft

VALIDATORS = 4
DEADLINE_S = 60.0
# The promise: so soon after a fault has gone, there is a new block.
RESUME_S = 10.0
SETTLE_S = 1.0


@dataclass
class Trial:
    """What a test may break, and what it can wait for."""

    network: Network
    faults: Faults
    load: Load
    household: Household

    def resume(self, heal: Callable[[], object], what: str) -> None:
        """Ends a fault; fails if there is no new block in time or a node stays behind."""
        before = max(get_heights(self.network).values())
        began_s = time.monotonic()
        heal()
        wait_until(
            lambda: max(get_heights(self.network).values()) > before,
            RESUME_S - (time.monotonic() - began_s),
            f"a block after {before}",
        )
        blocks_s = time.monotonic() - began_s
        self.network.wait_for_height(before + 2, DEADLINE_S)
        note(
            f"{what}: a new block {blocks_s:.1f} s after healing, "
            f"every node has it {time.monotonic() - began_s:.1f} s after"
        )

    def go_on(self, blocks: int = 3, nodes: Sequence[str] | None = None) -> None:
        """Waits for more blocks on all nodes, or on the named ones."""
        height = max(get_heights(self.network).values()) + blocks
        self.network.wait_for_height(height, DEADLINE_S, nodes)

    def work(self, payments: int = 10) -> None:
        """Waits for a number of further committed payments and one acknowledged reading."""
        paid = len(self.load.history.get_committed()) + payments
        metered = len(self.household.acknowledged) + 1
        wait_until(
            lambda: (
                len(self.load.history.get_committed()) >= paid
                and len(self.household.acknowledged) >= metered
            ),
            DEADLINE_S,
            f"{payments} payments and a reading",
        )


@contextmanager
def trial(
    folder: Path,
    chance: random.Random,
    *,
    validators: int = VALIDATORS,
    faults: Faults | None = None,
    prepare: Callable[[Path], object] = lambda home: None,
    reading_deadline_s: int = READING_DEADLINE_S,
    others: Sequence[GenesisAccount] = (),
) -> Iterator[Trial]:
    """A running network; `prepare` may change its files before it starts, and `others` have
    accounts on it.
    """
    require_cometbft()
    load, household, faults = Load(chance), Household(chance), faults or Faults()
    home = folder / "net"
    init_network(
        home,
        validators,
        preset=make_preset(reading_deadline_s),
        # One node more than there are validators may be added by `prepare`.
        base_port=find_free_ports(validators + 1).base,
        accounts=[*load.accounts, household.account, *others],
        meters=[household.meter],
    )
    prepare(home)
    network = Network(home, lambda line: None, faults.make_process)
    network.start(DEADLINE_S)
    try:
        with load.running(network.rpc_urls), household.running(network):
            run = Trial(network, faults, load, household)
            run.work()
            yield run
            run.work()
        require_consistent(network, load, household)
    finally:
        network.stop()
    require_sound_states(network.layout, household)


def require_standstill(run: Trial, seconds: float) -> None:
    """Blocks that were on their way arrive within a second, and then there are no more."""
    let_pass(SETTLE_S)
    before = get_heights(run.network)
    let_pass(seconds - SETTLE_S)
    assert get_heights(run.network) == before


def make_preset(reading_deadline_s: int) -> Preset:
    """The demonstration's, with slots short enough to be settled during a test."""
    preset = load_preset("demo")
    metering = {
        **preset.params["metering"],
        "slot_length_s": SLOT_LENGTH_S,
        "reading_deadline_s": reading_deadline_s,
    }
    market = {**preset.params["market"], "gate_closure_s": 1}
    return replace(preset, params={**preset.params, "metering": metering, "market": market})
