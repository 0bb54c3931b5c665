"""What labelling tools have of examples beside their texts: what a setting names is kept, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labelwheel.backend.database.tables import ExampleRow
from labelwheel.backend.settings import Settings
from labelwheel.training.evaluation import named_slices
from labelwheel.training.questions import Example


def named(settings: Settings) -> dict[str, str]:
    """The columns that are named as slices or groups, by the name that people gave them."""
    return named_slices.columns([*(each.name for each in settings.named_slices), *named_slices.names(settings.groups)])


def take(rows: Mapping[str, ExampleRow], examples: Iterable[Example], named: Mapping[str, str]) -> None:
    """Keeps what the examples have of the columns that are named; of what was kept before nothing else stays."""
    for example in examples:
        found = {name: example.columns[column] for name, column in named.items() if column in example.columns}
        if rows[example.key].columns != (found or None):
            rows[example.key].columns = found or None
