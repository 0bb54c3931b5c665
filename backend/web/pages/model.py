"""What is served: its card, where it comes from, and a box to try a text in."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.views import model as view
from labelwheel.backend.web.pages.checkpoint_page import CheckpointPage
from labelwheel.backend.web.pages.frame import Frame, Shown

STEP, LANE, EDGE = 84, 46, 28
"""Pixels from one checkpoint to the next, from one lane to the next, and around all of them."""


def add(frame: Frame) -> None:
    """The page and its JSON."""
    about = "What is served for a question, and its lineage"
    CheckpointPage("model", "Model", about, view, _drawn).add(frame)


def _drawn(session: Session, question: QuestionRow, found: dict[str, Any]) -> Shown:
    return {"drawing": _drawing(found["lineage"])}


def _drawing(lineage: dict[str, Any]) -> dict[str, Any]:
    """Where each checkpoint stands, and the line from its parent, in pixels."""

    def at(place: int, lane: int) -> tuple[int, int]:
        return EDGE + STEP // 2 + place * STEP, EDGE + lane * LANE

    nodes = []
    for each in lineage["nodes"]:
        x, y = at(each["place"], each["lane"])
        line = None
        if each["parent_place"] is not None:
            from_x, from_y = at(each["parent_place"], each["parent_lane"])
            middle = from_x + STEP // 2
            line = f"M{from_x} {from_y}C{middle} {from_y} {middle} {y} {min(from_x + STEP, x)} {y}L{x} {y}"
        nodes.append({"x": x, "y": y, "line": line, "version": each["version"], "state": each["state"]})
    lanes = max((each["lane"] for each in lineage["nodes"]), default=0)
    return {"nodes": nodes, "width": 2 * EDGE + STEP * len(nodes), "height": 2 * EDGE + LANE * lanes + 16}
