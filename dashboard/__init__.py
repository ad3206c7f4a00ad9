"""The dashboard's read model: a node's blocks as tables. It never changes the chain."""
