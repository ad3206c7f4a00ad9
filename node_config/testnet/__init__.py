"""A test network in containers: images, compose file, and what runs inside."""
