"""All blocks of a fleet, on processes of this machine or on a Dask cluster that is there."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

import numpy as np

from agents.fleet.blocks import HISTORY_DAYS, Block, forecast_block
from agents.forecast.cube import make_cube
from agents.observation import Street
from client.errors import MissingError, RpcError

BLOCK_METERS = 250
SAMPLE_METERS = 200
# Blocks that are under way at once, for each process: so memory does not grow with the fleet.
AHEAD = 2
Texts = tuple[tuple[str, ...], ...]
Progress = Callable[[int, int], None]


def make_last_days(street: Street) -> Block:
    """The last days of all meters; raises MissingError if there are too few."""
    cube = make_cube(street.get_matrix("net"), street.grid, 0)
    if cube.days < HISTORY_DAYS:
        raise MissingError(f"there are {cube.days} whole days; a fleet needs {HISTORY_DAYS}")
    first = cube.days - HISTORY_DAYS
    begin = street.grid.time_of(street.grid.first_at(0) + first * street.grid.slots_per_day)
    return Block(begin, cube.slot_s, cube.known[:, first:].astype(np.float32))


def enlarge(block: Block, meters: int) -> Block:
    """As many meters as asked for, made from those there are: other levels, other days' noise."""
    random = np.random.default_rng(meters)
    chosen = np.resize(np.arange(len(block.known)), meters)
    level = random.lognormal(0.0, 0.4, (meters, 1, 1)).astype(np.float32)
    noise = random.normal(1.0, 0.1, (meters, block.known.shape[1], 1)).astype(np.float32)
    return block._replace(known=block.known[chosen] * level * np.maximum(noise, 0.0))


def take_sample(block: Block) -> Block:
    """Evenly spaced meters to train on."""
    step = max(1, len(block.known) // SAMPLE_METERS)
    return block._replace(known=block.known[::step])


def cut(block: Block) -> list[Block]:
    """Blocks of a size that fits into the memory of a process many times."""
    return [
        block._replace(known=block.known[begin : begin + BLOCK_METERS])
        for begin in range(0, len(block.known), BLOCK_METERS)
    ]


def forecast_local(
    texts: Texts, blocks: list[Block], workers: int, on_progress: Progress
) -> Iterator[np.ndarray]:
    """The forecasts of the blocks in their order, from processes of this machine."""
    if workers == 1:
        for number, block in enumerate(blocks):
            on_progress(number, len(blocks))
            yield forecast_block(texts, block)
        return
    # LightGBM's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = iter(blocks)
        running = [
            pool.submit(forecast_block, texts, one) for one in islice(waiting, AHEAD * workers)
        ]
        done = 0
        while running:
            on_progress(done, len(blocks))
            yield running.pop(0).result()
            done += 1
            running += [pool.submit(forecast_block, texts, one) for one in islice(waiting, 1)]


def forecast_on_cluster(
    texts: Texts, blocks: list[Block], scheduler: str, on_progress: Progress
) -> Iterator[np.ndarray]:
    """The same from the workers of a Dask cluster, which must have this package."""
    from distributed import Client

    try:
        client = Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise RpcError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client:
        at_all = client.scatter(texts, broadcast=True)
        width = AHEAD * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        waiting = iter(blocks)
        running = [client.submit(forecast_block, at_all, one) for one in islice(waiting, width)]
        done = 0
        while running:
            on_progress(done, len(blocks))
            yield running.pop(0).result()
            done += 1
            running += [client.submit(forecast_block, at_all, one) for one in islice(waiting, 1)]
