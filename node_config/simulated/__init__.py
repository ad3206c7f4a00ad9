"""A network in one process: the chain's own rules, block by block, without nodes or a clock.

chain     `chain.app` on a state in memory: queries and signed transactions, as on a real network
store     that state
homes     homes as data has them, with their wallet, their meter and their battery
street    a slot of all homes: readings, decisions, orders, settlement
year      the same homes under several conditions, and what each was worth
report    tables, CSV and pictures
"""
