"""Makes networks and runs them.

genesis, preset, accounts   what a new network begins with
participants, crowd         the people of a preset, and their keys
presets/                    all numbers of a network, to copy and edit
localnet/                   networks of processes on this machine
testnet/                    a network in containers
demo/                       a street of homes on a local network
service/                    a validator or a bridge as services of systemd
cometbft/                   the CometBFT that belongs to this release, and its files
compiled                    the rules, compiled
"""
