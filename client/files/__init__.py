"""Files of users: JSON, TOML, and those that nobody else may read."""
