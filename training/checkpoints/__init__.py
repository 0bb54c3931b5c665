"""Checkpoints on disk: plain transformers folders with a manifest and the hash of every file."""
