"""The rules of the chain: a pure, deterministic state machine.

The same blocks in give the same bytes out, on every machine, for ever. Nothing in here reads a
clock, a file, a socket or a random number; all quantities are integers.
"""
