"""The ceremony: many parties make one genesis document, and nobody holds a key of another."""
