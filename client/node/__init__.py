"""A node as its clients see it: calls over RPC, their bounds, headers, and which chain it is."""
