"""Acknowledged readings survive kill -9, a failing disk and a full disk."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockenergy.metering.v1.state_pb2 import READING_RECORDED

from meter_bridge.chain import Result
from meter_bridge.spool import Spool, SpoolFullError
from tests.bridge.fakes import Clock, make_reading
from tests.bridge.processes import DEADLINE_S, ROOT, child, get

CHILD = str(ROOT / "tests" / "bridge" / "service" / "spool_child.py")
KILLS = 6


def require_all(folder: Path, acknowledged: list[str]) -> None:
    """Every acknowledged reading is in the spool with its content."""
    spool = Spool(folder, Clock())
    try:
        for line in acknowledged:
            meter_id, slot = line.split()
            found = spool.find(meter_id, int(slot))
            assert found is not None, f"{line} was acknowledged and is lost"
            assert found == make_reading(meter_id, slot=int(slot), import_wh=int(slot))
    finally:
        spool.close()


def test_acknowledged_readings_survive_kill_9(tmp_path: Path) -> None:
    chance = random.Random(3)
    acknowledged: list[str] = []
    for run in range(KILLS):
        with child(CHILD, str(tmp_path), str(run), "0") as process:
            lines = range(chance.randrange(1, 400))
            acknowledged += [get(process.stdout).readline() for _ in lines]
            process.kill()
            # Lines printed before the kill were acknowledged too; the last one may be incomplete.
            rest = process.communicate(timeout=DEADLINE_S)[0]
            acknowledged += [line for line in rest.splitlines(keepends=True) if line[-1] == "\n"]
        require_all(tmp_path, acknowledged)
    assert len({line.split()[0].split("-")[1] for line in acknowledged}) == KILLS


def test_failing_disk_breaks_the_spool_and_loses_nothing(tmp_path: Path) -> None:
    with child(CHILD, str(tmp_path), "0", "200000") as process:
        output = process.communicate(timeout=DEADLINE_S)[0].splitlines()
    assert output[-1] == "broken True"
    assert len(output) > 10
    require_all(tmp_path, output[:-1])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("tests may not mount a file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(spool: Spool, accepted: list[str]) -> None:
    """Adds readings until one is rejected."""
    while True:
        meter_id = f"HOME-{len(accepted)}"
        spool.add(make_reading(meter_id)).result(DEADLINE_S)
        accepted.append(meter_id)


def test_full_disk_rejects_and_recovers_when_space_is_freed(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(600_000))
    spool = Spool(small_disk, Clock())
    accepted: list[str] = []
    try:
        with pytest.raises(SpoolFullError, match="disk is full"):
            fill(spool, accepted)
        assert spool.count().backlog == len(accepted) > 10
        filler.unlink()
        spool.add(make_reading("HOME-LAST")).result(DEADLINE_S)
        spool.record([(make_reading("HOME-0"), Result(READING_RECORDED, 7))])
        assert spool.count().backlog == len(accepted)
    finally:
        spool.close()
