"""What is served: its card, where it comes from, and a box to try a text in."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from labelwheel.backend.errors import NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.views import model as view
from labelwheel.backend.web.body import asked
from labelwheel.backend.web.pages.frame import Frame, Shown, chosen
from labelwheel.backend.web.request_bodies import VersionQuery
from labelwheel.backend.web.roles import Role, current
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable

STEP, LANE, EDGE = 84, 46, 28
"""Pixels from one checkpoint to the next, from one lane to the next, and around all of them."""


def add(frame: Frame) -> None:
    """The page and its JSON."""
    source = frame.source

    @frame.api.get("/projects/<int:number>/questions/<path:name>/model")
    @readable
    @described(
        "What is served for a question, and its lineage", query=VersionQuery, gives=view.body, refuses=(NotFound,)
    )
    def model_json(number: int, name: str) -> Response:
        version = asked(VersionQuery).version
        with source.database.session() as session:
            question = projects.question(session, number, name)
            return jsonify(view.read(session, source.settings, question, version, current().role is Role.ADMIN))

    @frame.page("/projects/<int:number>/model", "Model")
    def model(number: int) -> Shown:
        with source.database.session() as session:
            _, rows, question = chosen(session, number)
            shown = {"questions": [{"name": row.name} for row in rows], "question": None, "number": number}
            if question is None:
                return shown
            version, admin = request.args.get("version"), current().role is Role.ADMIN
            found = view.read(session, source.settings, question, version, admin)
            return shown | {"question": {"name": question.name}, "found": found, "drawing": _drawing(found["lineage"])}


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
