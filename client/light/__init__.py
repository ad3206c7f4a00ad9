"""A light client: trusts a header that its operator names, and what follows from it.

provider   headers, commits and validators of a node
client     verifies headers, forwards by skipping and backwards by hashes
forks      compares with other nodes, and tells them of an attack
store      keeps what was verified, in one file
verified   values, transactions and results that are proven
commands   `blockenergy light` and `blockenergy verify`
"""

from __future__ import annotations
