"""The life of a model: trained, tested, promoted, watched, rolled back; each step is a record.

model    a model and what it was made from, as values with a hash
store    models on disk, by hash, and which of them is the champion
drift    whether live losses are still those of the backtest
"""
