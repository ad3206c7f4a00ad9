"""What people and programs use to talk to the chain: keys, transactions, queries, the command line.

Everything about messages (names, units, who signs, help texts, refusals) is read from the
definitions under proto/; adding a message there adds it here.
"""
