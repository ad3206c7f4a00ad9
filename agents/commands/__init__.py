"""The command line `blockenergy agent`: what needs no chain works on files alone.

group          the commands, and what they need installed
options        options that commands share
forecast       what forecasts of the last weeks were worth
plan           batteries planned slot by slot, and what came of it
detect         which weeks of which meters look wrong
insight        what a home's meter says about it
model          the life of forecast models
fleet          forecasts of all meters of a distributor
data           what a folder holds, and what is wrong with it
"""
