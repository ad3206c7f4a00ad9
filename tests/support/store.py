"""The state in memory that simulated chains have as well."""

from node_config.simulated.store import SortedStore

__all__ = ["SortedStore"]
