"""The command line `blockenergy agent`: what needs no chain works on files alone.

group          the commands, and what they need installed
options        options that commands share
data           what a folder holds, and what is wrong with it
"""
