"""The read model: tables that follow the chain block by block."""
