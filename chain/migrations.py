"""The upgrades that this release has, in the order in which they were made.

A release that changes the rules adds one: its name, and the function that brings the state into the
form of the new rules. A chain that begins with this release has none of them to make.
"""

from __future__ import annotations

from collections.abc import Mapping

from chain.upgrade import Migration

MIGRATIONS: Mapping[str, Migration] = {}
