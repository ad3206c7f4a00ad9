"""Disks that are full, and files that were not written to their end or are damaged."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_config.localnet.layout import load_layout
from node_config.localnet.process import make_environment
from node_config.localnet.supervisor import NetworkError
from tests.chaos.support import disk
from tests.chaos.support.observed.figures import note
from tests.chaos.support.rpc import let_pass, wait_until
from tests.chaos.support.trial import DEADLINE_S, VALIDATORS, Trial, trial

pytestmark = pytest.mark.crash

NAMES = [f"node{number}" for number in range(VALIDATORS)]
# Enough for the files of LevelDB and for CometBFT's log of consensus, and full in a moment.
DISK_MB = 64
FULL_S = 5.0
CUTS = 3
# A reading may wait for the end of two full disks, one after the other.
READING_DEADLINE_S = 90
APP_SAYS = "cannot be written.*No space"


@pytest.fixture
def disks() -> Iterator[disk.SmallDisks]:
    with disk.small_disks(DISK_MB) as disks:
        yield disks


def test_a_full_disk(tmp_path: Path, chance: random.Random, disks: disk.SmallDisks) -> None:
    """Of an application, of CometBFT, of the bridge: one after the other, then of all
    applications. Each says in a sentence that it stops, and goes on when there is room.
    """
    app, comet = chance.sample(NAMES, 2)

    def prepare(home: Path) -> None:
        for node in load_layout(home).nodes:
            disks.put_under(node.home / "app-data")
        disks.put_under(home / comet / "data")
        disks.put_under(home / "bridge")

    with trial(tmp_path, chance, prepare=prepare, reading_deadline_s=READING_DEADLINE_S) as run:
        home = run.network.layout.home
        fill_and_heal(run, {f"{app}-app": home / app / "app-data"}, APP_SAYS)
        fill_and_heal(run, {f"{comet}-cometbft": home / comet / "data"}, "no space left on device")
        # The bridge may do with the room that its file has already; if not, it rejects readings.
        fill_and_heal(run, {"bridge": home / "bridge"}, "space|disk|full", complaints=0)
        # After the second of four no block is made that could fill another's disk.
        everywhere = {f"{name}-app": home / name / "app-data" for name in NAMES}
        fill_and_heal(run, everywhere, APP_SAYS, complaints=2)


def fill_and_heal(run: Trial, folders: dict[str, Path], sentence: str, complaints: int = 1) -> None:
    """Fills the disk until a number of processes complain, and some seconds longer."""
    logs = {run.network.layout.logs / f"{process}.log" for process in folders}
    before = {log: len(log.read_text()) for log in logs}
    for folder in folders.values():
        disk.fill(folder)

    def count() -> int:
        return sum(re.search(sentence, log.read_text()[before[log] :]) is not None for log in logs)

    wait_until(lambda: count() >= complaints, DEADLINE_S, f"a complaint of {list(folders)}")
    let_pass(FULL_S)
    said = count()

    def heal() -> None:
        for folder in folders.values():
            disk.make_room(folder)

    run.resume(heal, f"full disk of {', '.join(folders)}, {said} complained")
    if sentence == APP_SAYS:
        assert not any("Traceback" in log.read_text() for log in logs)


def test_files_without_their_end(tmp_path: Path, chance: random.Random) -> None:
    """What was cut off is made again: of the state, by executing the blocks after it; of the log
    of consensus, as far as it matters. What is damaged before its end is rejected.
    """
    with trial(tmp_path, chance) as run:
        for _ in range(CUTS):
            lose_state(run, chance.choice(NAMES), chance, tmp_path)
        for _ in range(CUTS):
            name = chance.choice(NAMES)
            run.network.stop_unit(name)
            disk.cut_tail(run.network.layout.get_node(name).home / "data/cs.wal/wal", chance)
            run.network.start_unit(name)
            run.go_on()
        damage_state(run, chance.choice(NAMES), chance)


def lose_state(run: Trial, name: str, chance: random.Random, scratch: Path) -> None:
    """Cuts the end off the log of a state: the application finds itself at an earlier height."""
    run.network.stop_unit(name)
    folder = run.network.layout.get_node(name).home / "app-data"
    before = get_height(folder, scratch)
    lost = disk.cut_tail(disk.get_log(folder), chance)
    after = get_height(folder, scratch)
    assert after < before
    run.network.start_unit(name)
    run.go_on()
    note(f"{name}: {lost} bytes lost, state at height {after} instead of {before}")


def damage_state(run: Trial, name: str, chance: random.Random) -> None:
    """The application says what is wrong and does not start; emptied, it is given all blocks."""
    node = run.network.layout.get_node(name)
    run.network.stop_unit(name)
    disk.damage(disk.get_log(node.home / "app-data"), chance)
    with pytest.raises(NetworkError, match=r"is damaged .* empty it and let the node fetch"):
        run.network.start_unit(name)
    run.network.stop_unit(name)
    shutil.rmtree(node.home / "app-data")
    run.resume(lambda: run.network.start_unit(name), f"{name} with an empty app-data")


def get_height(folder: Path, scratch: Path) -> int:
    """The height of a state, found in a copy of it, because looking changes the files."""
    copy = scratch / "copy"
    shutil.copytree(folder, copy / "app-data")
    command = [sys.executable, "-m", "abci_app", "check", "--home", str(copy)]
    done = subprocess.run(
        command, env=make_environment(), capture_output=True, text=True, check=True
    )
    shutil.rmtree(copy)
    found = re.search(r"height (\d+): 0 problems", done.stdout)
    assert found is not None
    return int(found[1])
