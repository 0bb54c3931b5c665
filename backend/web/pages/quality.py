"""How good a champion is, and where it is not."""

from __future__ import annotations

import textwrap
from typing import Any

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.views import quality as view
from labelwheel.backend.views.examples import UNSOUGHT
from labelwheel.backend.web.pages import charts
from labelwheel.backend.web.pages.checkpoint_page import CheckpointPage
from labelwheel.backend.web.pages.frame import Frame, Shown

SHORT = 26
"""So many characters of a slice's name stand beside a chart, on a phone, too."""

SHADES = 4
"""A cell of the table of what is taken for what is the darker, the more of its row are there."""


def add(frame: Frame) -> None:
    """The page and its JSON."""
    about = "How good a checkpoint is, and where it is not; annotators have names for the admin alone"
    CheckpointPage("quality", "Quality", about, view, _drawn).add(frame)


def _drawn(session: Session, question: QuestionRow, found: dict[str, Any]) -> Shown:
    return {
        "unsought": UNSOUGHT,
        "versions": view.versions(session, question),
        "calibration": _calibration(found["reliability"]) if found["reliability"] else None,
        "by_slice": _by_slice(found["slices"], found["metric"]) if len(found["slices"]) > 1 else None,
        "matrix": _shaded(found["matrix"]),
    }


def _calibration(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How often the model is right against how sure it was; the diagonal is honesty."""
    sure = [row["confidence"] for row in rows]
    right = [row["accuracy"] for row in rows]
    said = [f"sure {row['confidence']:.2f}, right {row['accuracy']:.2f}, {row['examples']} examples" for row in rows]
    traces = [
        charts.line("honest", [0, 1], [0, 1], "@dim", line={"dash": "dot"}, hoverinfo="skip"),
        charts.points("this model", sure, right, mode="lines+markers", hover=said),
    ]
    share = {"range": [-0.03, 1.03]}
    return charts.figure(traces, "how sure it was", "how often it was right", xaxis=share, yaxis=share)


def _by_slice(rows: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    """Each slice on a line of its own with its interval, those that are worse than the rest in another colour."""
    traces = []
    for name, colour, worse in (("as the rest", "@accent", False), ("worse than the rest", "@bad", True)):
        here = [(place, row) for place, row in enumerate(rows) if bool(row["worse"]) is worse]
        if not here:
            continue
        low, high = [row["low"] for _, row in here], [row["high"] for _, row in here]
        trace = charts.points(
            name, [place for place, _ in here], [row["score"] for _, row in here], colour, low=low, high=high
        )
        traces.append(trace | {"x": trace["y"], "y": trace["x"], "error_x": trace.pop("error_y")})
    named = [textwrap.shorten(f"{row['slice']}: {row['value']}", SHORT, placeholder="…") for row in rows]
    lines = {"tickvals": list(range(len(rows))), "ticktext": named, "autorange": "reversed"}
    return charts.figure(traces, metric.replace("_", " "), "", yaxis=lines)


def _shaded(matrix: dict[str, Any] | None) -> dict[str, Any] | None:
    """The same, with how much of its row each cell has, from 0 to `SHADES`."""
    if matrix is None:
        return None
    rows = []
    for row in matrix["rows"]:
        total = sum(row["counts"]) or 1
        cells = [
            {"said": said, "count": count, "shade": -(-count * SHADES // total)}
            for said, count in zip(matrix["columns"], row["counts"], strict=True)
        ]
        rows.append({"label": row["label"], "cells": cells})
    return matrix | {"rows": rows}
