"""The client of the chain: keys, transactions, queries, events, and the command line.

    keys, keyring           account and meter keys, and their storage
    tx, account             build and sign transactions; send them with the right sequence
    rpc, rpc_types          the JSON-RPC interface of a CometBFT node
    queries, watch          typed queries; blocks and typed events as they arrive
    catalog, definitions    messages, queries and comments as proto/ defines them
    units, errors           numbers with units as text; failures with exit codes
    cli/                    the command line `blockenergy`

Everything about messages (names, units, signers, help texts, errors) is derived from proto/: a
message added there is available here.
"""
