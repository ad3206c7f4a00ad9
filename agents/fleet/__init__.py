"""Forecasts of all meters of a distributor: 48 hours, nine quantiles, block by block.

blocks    one block of meters: features, models, quantiles
run       all blocks, on processes of this machine or on a Dask cluster that is already there
"""
