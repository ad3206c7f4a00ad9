# What results_native.c gives where it was built: the same as in results.py.

def encode_events(
    events: list[tuple[str, tuple[tuple[str, str], ...]]], unindexed: frozenset[str]
) -> bytes: ...
