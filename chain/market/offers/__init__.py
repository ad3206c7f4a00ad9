"""Offers: energy of one seller at a fixed price, bought directly until it is used up."""
