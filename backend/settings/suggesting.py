"""What people are shown, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from labelwheel.training import kinds
from labelwheel.training.evaluation.splits import HELD_OUT_SHARE
from labelwheel.training.kinds.base import Costs

Cost = Annotated[float, Field(ge=0)]


class Suggesting(BaseModel):
    """What people are shown, and in which order."""

    show: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        {},
        description='by kind of question the score below which nothing is suggested, such as `{"spans": 0.3}`; of a '
        "kind that is left out what `LABELWHEEL_COSTS` makes of it",
    )
    costs: dict[str, tuple[Cost, Cost, Cost]] = Field(
        {},
        description="by kind of question what a suggestion costs people that is wrong, missing or right, such as "
        '`{"spans": [2, 2, 0]}`: one is shown where that costs no more than none. If not set, a wrong span costs two '
        "clicks (choose it, take it away), a missing one two (draw it, name it), so they are shown from .5; the rest "
        "is always shown, as a wrong answer costs the one click that none costs, too",
    )
    fast_lane: bool = Field(
        True, description="whether suggestions follow each label between two rounds, by heads that are fitted anew"
    )
    blind: float = Field(
        0.1,
        ge=0,
        le=HELD_OUT_SHARE,
        description="the share of all examples, half of what is held out if not set, that nobody is shown a suggestion "
        "for, so that scores rest on labels that are no echo of one; 0: none",
    )
    order: Literal["mixed", "uncertain", "rare", "typical", "random"] = Field(
        "mixed",
        description="which examples people see next: `uncertain`, what the model is least sure of; `rare`, classes "
        "with few labels in turns; `typical`, what resembles the most others; `random`; `mixed`, half by chance and "
        "half by the others, of which what is typical comes first",
    )
    retire_minutes: float = Field(
        30.0,
        ge=0,
        description="how long suggestions of an older version stay in the labelling tool beside those of a newer one, "
        "for people who have them before them: a tool may refuse an answer that began with one that is gone",
    )
    explain: bool = Field(
        False,
        description="whether people are shown which words carried a suggestion: found out for what comes next while "
        "nothing else is to be done, and shown where the labelling tool has a place for it",
    )

    @field_validator("show", "costs")
    @classmethod
    def _by_kind(cls, value: dict[str, object]) -> dict[str, object]:
        if unknown := sorted(set(value) - set(kinds.names())):
            raise ValueError(f"there is no kind of question {', '.join(unknown)}; there are {', '.join(kinds.names())}")
        return value

    @cached_property
    def shown_from(self) -> Mapping[str, float]:
        """For each kind of question the score below which nothing is suggested."""
        costs = {name: Costs(*each) for name, each in self.costs.items()}
        return {each.name: self.show.get(each.name, each.shown_from(costs.get(each.name))) for each in kinds.kinds()}
