"""What learns and decides for people: so far, reading what meters have recorded.

observation           what is known of homes: frozen values on one grid of slots
input/                files of meters to observations: CityLearn 2022, our CSV, Green Button
commands/             the command line `blockenergy agent`

Decisions are pure: values in, values out. Only input/ and commands/ read and write files. The
libraries are in the extra `agents`; nothing else of the project imports this package.
"""
