"""Argilla: suggestions on the records of a dataset, and people's responses for labelwheel."""

from labelwheel.plugins.argilla.connector import Argilla

__all__ = ["Argilla"]
