"""Keys, where they are kept, and the transactions that they sign."""
