"""Prediction markets: shares in what comes true, their market maker, and disputes."""
