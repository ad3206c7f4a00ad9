"""Forecasts and prediction markets: files of them, and what the chain says of them."""
