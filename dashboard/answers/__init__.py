"""What each call answers: one function for each rpc of the definitions, by its name.

A function gets the visit and a request that `web.rights` has let pass. It reads tables and the
node, and returns the message of its rpc.
"""
