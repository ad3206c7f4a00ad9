"""No home can be told from the sums of feeders that are shown."""

from __future__ import annotations

import pytest
from blockenergy.registry.v1.state_pb2 import Feeder
from hypothesis import given
from hypothesis import strategies as st

from dashboard.answers.withheld import METERS_MIN, find_withheld
from dashboard.web.rights import Feeders


@pytest.mark.parametrize(
    ("parents", "meters", "expected"),
    [
        ({"a": ""}, {"a": 12}, set()),
        ({"a": ""}, {"a": 9}, {"a"}),
        # The one home on a is what a has and b has not.
        ({"a": "", "b": "a"}, {"a": 11, "b": 10}, {"a", "b"}),
        ({"a": "", "b": "a", "c": ""}, {"a": 11, "b": 10, "c": 30}, {"a", "b"}),
        ({"a": "", "b": "a"}, {"a": 20, "b": 10}, set()),
        ({"a": "", "b": "a"}, {"a": 10, "b": 10}, set()),
        # The one home on b is what the network has and a has not.
        ({"a": "", "b": ""}, {"a": 30, "b": 1}, {"a", "b"}),
        ({"a": "", "b": "", "c": ""}, {"a": 30, "b": 1, "c": 20}, {"b", "c"}),
        # A parent that nobody knows is the network; one in a circle is harmless.
        ({"a": "x"}, {"a": 12}, set()),
        ({"a": "b", "b": "a"}, {"a": 12, "b": 12}, set()),
    ],
)
def test_by_example(parents: dict[str, str], meters: dict[str, int], expected: set[str]) -> None:
    assert find_withheld(make_feeders(parents), meters) == expected


def make_feeders(parents: dict[str, str]) -> Feeders:
    return {name: Feeder(parent=parent) for name, parent in parents.items()}


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=12), st.data()
)
def test_what_follows_from_sums_has_enough_meters(
    feeders: list[tuple[int, int]], data: st.DataObject
) -> None:
    """feeders: where each branches off, and the meters that are on it alone."""
    parents = {str(at): str(up % at) if at and up % 3 else "" for at, (up, _) in enumerate(feeders)}
    meters = dict.fromkeys(parents, 0)
    for name, (_, own) in zip(parents, feeders, strict=True):
        above = name
        while above:
            meters[above] += own
            above = parents[above]
    unfit = data.draw(st.sets(st.sampled_from(sorted(meters)), max_size=3))
    withheld = find_withheld(make_feeders(parents), meters, unfit)
    assert unfit <= withheld
    shown = meters.keys() - withheld
    rests = {name: meters[name] for name in shown}
    rests[""] = sum(own for _, own in feeders)
    for name in shown:
        above = parents[name]
        while above and above not in shown:
            above = parents[above]
        rests[above] -= meters[name]
    for name, rest in rests.items():
        # The network is shown whatever follows.
        assert rest == 0 or rest >= METERS_MIN or not (name or shown), (name, rest)
