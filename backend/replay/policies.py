"""Which policy a replay follows: what was recorded, or settings that are put in the place of today's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.suggestions.ordering import Name

RECORDED = "as recorded"
ORDERS = ("true", *get_args(Name))
"""In which examples are labelled: as they were, or as one of the orders of LABELWHEEL_ORDER would choose them."""

CHANGEABLE = (
    "first_round", "growth", "max_new", "quiet_seconds", "gate_floor", "gate_level", "gate_margin", "fine_tuning",
    "fast_lane", "seed", "base_model", "max_length", "max_characters", "artefact", "serve_max_ms",
    "job_minutes", "job_threads",
)  # fmt: skip
"""The settings that say what comes of labels."""


@dataclass(frozen=True)
class Policy:
    """`recorded` starts the rounds where they were; else today's policy does, with the settings that are `changed`."""

    name: str
    changed: dict[str, str] = field(default_factory=dict)
    order: str = "true"
    recorded: bool = False

    def settings(self, home: Path) -> Settings:
        """For a simulation of its own in a folder; raises InvalidSettings."""
        return load(
            **self.changed,
            home=home,
            database=f"sqlite:///{home / 'labelwheel.db'}",
            store=str(home / "checkpoints"),
            launcher="local",
            jobs=1,
        )


def parse(text: str) -> Policy:
    """Such as `growth=0.5,order=mixed`; raises InvalidSettings, naming what there is."""
    changed: dict[str, Any] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        name = name.strip().lower().removeprefix("labelwheel_")
        if not equals or name not in (*CHANGEABLE, "order"):
            raise InvalidSettings(f"--policy {part!r}: name=value with one of order, {', '.join(CHANGEABLE)}")
        changed[name] = value.strip()
    order = changed.pop("order", "true")
    if order not in ORDERS:
        raise InvalidSettings(f"--policy order={order}: there are {', '.join(ORDERS)}")
    policy = Policy(text.strip() or "today's settings", changed, order)
    policy.settings(Path("unused"))  # what does not fit is said before anything is computed
    return policy
