"""Forecasts: what is forecast, how it is fixed and scored, and what it earns."""
