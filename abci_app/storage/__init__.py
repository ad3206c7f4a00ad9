"""The state on disk: a database with its history, and what is committed of it."""
