"""Call auctions on a network of feeders: a price at every node."""
