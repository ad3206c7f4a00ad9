"""Merkle trees over the state, their roots and proofs."""
