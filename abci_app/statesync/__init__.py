"""State sync: how a new node gets the state of a recent height instead of executing every block.

Nodes write a snapshot of their state every so many blocks (maker.py), in a format in which all of
them write the same bytes (format.py). A new node takes one from its peers, chunk by chunk
(restore.py). CometBFT's light client tells it which app hash the height has; it trusts nothing else
that it is sent.
"""
