"""A feeder as its operator sees it: what flows ahead, against what it can carry.

outlook       the feeder's net use for the next day at every slot, with quantiles
curtailment   what to curtail, how much, and what that costs: pure
live          the lines of a network now: agreed, forecast, proposed
trial         both over the data: hours over capacity with and without, energy, compensation
"""
