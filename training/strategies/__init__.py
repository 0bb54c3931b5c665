"""The ways of getting a model from labels, and how a round chooses among them."""
