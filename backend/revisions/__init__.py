"""The fast lane: newer heads for a generation, fitted after each label, and served as its revisions."""
