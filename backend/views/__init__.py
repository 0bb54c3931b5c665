"""What people look at, computed from the ledger and the rounds: reads, never writes."""
