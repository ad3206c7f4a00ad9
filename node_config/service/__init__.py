"""A validator or a meter bridge as services of systemd.

units/      the units, with what differs between machines left open
unit_files  fills them in
systemd     puts them in place, starts them, removes them
commands    `blockenergy service`
"""
