"""The database: the ledger of labels, and the rows that carry the work from one process to the next."""
