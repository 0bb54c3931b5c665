"""What runs all day: the ledger, the rounds, serving and the web."""
