"""Checkpoints and the store they live in: plain folders, immutable, the manifest with every hash written last."""
