"""ABCI 2.0 over a socket: what an application is, and the server that calls it."""
