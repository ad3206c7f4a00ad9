"""Forecasts of load, PV and net use, and what they were worth.

cube        a series as days by slots
features    what a forecast is made from
models      gradient-boosted trees: one model for all homes
refits      forecasts of past days, each by a model of what was known before
combine     weights of several forecasts, learnt from their losses
bands       quantiles that cover what they say
scores      nMAE, pinball loss, coverage
backtest    all of it on the last weeks of the data
"""
