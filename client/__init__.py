"""The client of the chain: keys, transactions, queries, events, and the command line.

    signing/                account and meter keys, their storage, and signed transactions
    node/                   the JSON-RPC interface of a CometBFT node
    files/                  JSON and TOML of users, and files for their owner only
    account                 sends transactions with the right sequence
    queries, watch          typed queries; blocks and typed events as they arrive
    catalog, definitions    messages, queries and comments as proto/ defines them
    units, errors           numbers with units as text; failures with exit codes
    cli/                    the command line `blockenergy`

Everything about messages (names, units, signers, help texts, errors) is derived from proto/: a
message added there is available here.
"""
