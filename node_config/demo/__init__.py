"""The demonstration: a street of twenty homes trades and settles one sunny day in four minutes."""
