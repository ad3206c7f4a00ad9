"""The commands of `blockenergy dashboard`."""
