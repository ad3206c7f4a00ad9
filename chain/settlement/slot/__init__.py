"""How one slot is settled: readings, accounts, emissions, and the close."""
