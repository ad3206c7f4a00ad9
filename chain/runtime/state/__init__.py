"""Reading and writing the state: stores, and typed collections in them."""
