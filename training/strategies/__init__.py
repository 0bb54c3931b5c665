"""What a round tries, and how it chooses among what it tried."""
