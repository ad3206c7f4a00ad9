"""Carries packets of IBC between two chains. A relayer is trusted with nothing: chains believe
what is proven, so that it can stop at any point, begin again, or run twice.

messages   what is sent to a chain, of headers, packets and proofs of the other
packets    what has happened to packets, as events of blocks tell it
end        a chain: what it knows of the other one, and how to write to it
carrier    passes over both chains, and what is carried in each
journal    how far was read, and what is left
commands   `blockenergy relay`
"""
