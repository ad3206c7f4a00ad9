"""A home that trades on a network by itself: `blockenergy agent run home.toml`.

settings   a home as its owner describes it, in a TOML file
journal    what was seen, decided and sent, on disk before it is sent
observe    what the chain shows, as what a home knows
publish    forecasts of a target, for whoever has asked for them
agent      one turn: observe, decide, write down, send
loop       the turns of all homes of this machine, slot after slot

Only this package has a clock, a disk and a network; what is decided is decided in agents.trading.
"""
