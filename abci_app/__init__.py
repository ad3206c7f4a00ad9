"""The application's side of CometBFT: carries bytes between consensus, the disk and the rules.

Knows nothing about energy: it translates and never decides.
"""
