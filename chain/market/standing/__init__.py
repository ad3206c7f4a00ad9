"""Standing orders: an amount of energy by a deadline, placed by the chain slot by slot.

Promises that no more is traded than was ordered, nor more in a slot than was allowed; that all that
is placed is paid for by what the owner put on hold; and that the owner gets the rest back at once.
"""
