"""One node of a network whose other nodes are elsewhere: its files, its processes, its health."""
