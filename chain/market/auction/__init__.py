"""The call auction: limit orders rest until gate closure, are cleared together, and are booked.

Promises that a clearing is the best there is, and on record with all that is needed to verify it.
"""
