"""What time does to certificates that have crossed, a bounded number per block."""

from __future__ import annotations

from chain.carbontransfer import foreign, own
from chain.runtime.context import Context

_EXPIRED_PER_BLOCK_MAX = 1_000


def end_block(ctx: Context) -> None:
    """Ends certificates of other chains whose life is over, and forgets what is abroad of series
    that have expired.
    """
    removed = foreign.expire(ctx, _EXPIRED_PER_BLOCK_MAX)
    own.prune(ctx, _EXPIRED_PER_BLOCK_MAX - removed)
