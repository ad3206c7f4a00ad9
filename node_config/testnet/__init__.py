"""A test network in containers: its images, its compose file, and what runs inside them."""
