"""Searches for better settings: ordered by people, done in jobs of trials, and decided by a round's gate."""
