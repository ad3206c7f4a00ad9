"""Settings of whole networks, one TOML file each; see node_config.preset."""
