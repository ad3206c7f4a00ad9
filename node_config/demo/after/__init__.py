"""What came of the day: figures of the chain, its guarantees, and their pictures."""
