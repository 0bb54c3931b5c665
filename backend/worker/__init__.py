"""The worker: takes in labels, decides on rounds, runs them, tells the labelling tools; it may be killed any time."""

from labelwheel.backend.worker.main import run

__all__ = ["run"]
