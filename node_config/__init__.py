"""Configures and starts what a node consists of: CometBFT, our application and their files."""
