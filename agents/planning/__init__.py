"""Batteries as a linear program over quantiles of what is to come.

battery    how a battery takes and gives energy, as CityLearn 2022 has it
scores     cost, carbon, ramping and load factor, as CityLearn 2022 has them
outlook    load, PV and quantiles of net use for the next slots, at every slot
program    the linear program of all homes, solved again at each slot
signals    price and carbon of the next slots
year       plans every slot of the data and says what came of it
"""
