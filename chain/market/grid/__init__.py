"""The grid as the market sees it: what feeders carry in a slot, and what crossing them costs."""
