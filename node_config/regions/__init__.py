"""The demonstration of two regions: each a chain with ten homes, and a tie line between them."""
