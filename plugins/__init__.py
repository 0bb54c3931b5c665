"""One package per labelling tool; they know the tool's API and nothing of models."""
