"""The history of labels, append-only: the current ones are derived from it, and no example ever changes its side."""
