"""The pool's side of the market: slots are funded and opened, and market orders executed.

Promises that all market orders of a slot in one block have one price, and that the pool earns in
every slot at least the area of its curve.
"""
