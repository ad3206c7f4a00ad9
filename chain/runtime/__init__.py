"""What every module of the chain stands on: store, codec, collections, errors, transactions."""
