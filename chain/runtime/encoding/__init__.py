"""Bytes and texts: messages, keys, values and addresses."""
