"""Networks on this machine: their files, ports and processes."""
