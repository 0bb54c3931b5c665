"""Searches for better settings: how far one is, what it has tried, what matters, and what came of it."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from labelwheel.backend.errors import NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.views import tuning as view
from labelwheel.backend.web.pages import charts
from labelwheel.backend.web.pages.frame import Frame, Shown, chosen
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable

MATTERS = 0.005
"""What matters less is left out of the chart."""

ROLES = (("defaults", "the defaults", "@dim"), ("search", "trials", "@accent"), ("anew", "measured anew", "@good"))


def add(frame: Frame) -> None:
    """The page and its JSON."""
    source = frame.source

    @frame.api.get("/projects/<int:number>/questions/<path:name>/tuning")
    @readable
    @described("Searches for better settings, and the trials of the latest", gives=view.body, refuses=(NotFound,))
    def tuning_json(number: int, name: str) -> Response:
        with source.database.session() as session:
            return jsonify(view.read(session, projects.question(session, number, name)))

    @frame.page("/projects/<int:number>/tuning", "Tuning")
    def tuning(number: int) -> Shown:
        with source.database.session() as session:
            _, questions, question = chosen(session, number)
            found = None if question is None else view.read(session, question)
        shown: dict[str, Any] = {"number": number, "questions": questions, "question": question, "found": found}
        if found is not None and found["searches"]:
            latest = found["searches"][0]
            shown |= {"latest": latest, "history": _history(found), "matters": _matters(latest)}
        return shown


def _history(found: dict[str, Any]) -> dict[str, Any]:
    """The trials in their order, with their losses as closely as each was measured."""
    tried = [row for row in found["trials"] if row["value"] is not None]
    traces = []
    for role, said, colour in ROLES:
        rows = [row for row in tried if row["role"] == role]
        hover = [f"{row['settings'] or 'the defaults'}: {row['value']:.3f} ({row['became']})" for row in rows]
        x, y = [row["number"] for row in rows], [row["value"] for row in rows]
        if rows:
            traces.append(charts.points(said, x, y, colour, hover=hover))
    return {
        "figure": charts.figure(traces, "trial", "loss"),
        "columns": ["trial", "settings", "rung", "score", "loss", "seconds", "what became of it"],
        "rows": [
            [row["number"], row["settings"] or "the defaults", row["rung"] + 1, _number(row["score"]),
             _number(row["value"]), round(row["seconds"]), row["became"]]
            for row in found["trials"]
        ],
    }  # fmt: skip


def _matters(latest: dict[str, Any]) -> dict[str, Any] | None:
    rows = [(name, share) for name, share in latest["importances"].items() if share >= MATTERS]
    if not rows:
        return None
    trace = charts.bars("what matters", [name for name, _ in rows], [share for _, share in rows])
    return {
        "figure": charts.figure([trace], "setting", "importance", xaxis={"type": "category"}),
        "columns": ["setting", "importance"],
        "rows": [[name, f"{share:.3f}"] for name, share in rows],
    }


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
