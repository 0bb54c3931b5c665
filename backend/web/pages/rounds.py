"""What was decided and why, and what came of each round."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify

from labelwheel.backend.database.tables import Round
from labelwheel.backend.errors import NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.rounds import round_commands
from labelwheel.backend.views import rounds as view
from labelwheel.backend.web.body import asked
from labelwheel.backend.web.pages import charts
from labelwheel.backend.web.pages.frame import Frame, Shown, chosen
from labelwheel.backend.web.request_bodies import DecisionsQuery
from labelwheel.backend.web.roles import Role, current
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable

LOSSES = (("train_loss", "training loss", "@accent"), ("validation_loss", "validation loss", "@warn"))


def add(frame: Frame) -> None:
    """The pages and their JSON."""
    source = frame.source

    @frame.api.get("/projects/<int:number>/decisions")
    @readable
    @described("The decision log, a page at a time", query=DecisionsQuery, gives=view.log_body, refuses=(NotFound,))
    def decisions(number: int) -> Response:
        wanted = asked(DecisionsQuery)
        with source.database.session() as session:
            projects.get(session, number)
            return jsonify(view.log(session, number, wanted.question, wanted.kind, wanted.before))

    @frame.api.get("/rounds/<int:number>/details")
    @readable
    @described("What came of a round", gives=view.body, refuses=(NotFound,))
    def round_details(number: int) -> Response:
        with source.database.session() as session:
            found = session.get(Round, number)
            if found is None:
                raise NotFound(f"there is no round {number}")
            return jsonify(view.details(session, source.settings, found))

    @frame.page("/projects/<int:number>/rounds", "Rounds")
    def rounds(number: int) -> Shown:
        wanted = asked(DecisionsQuery)
        question_name, kind = wanted.question or None, wanted.kind or None
        with source.database.session() as session:
            _, rows, question = chosen(session, number)
            found = view.log(session, number, question_name, kind, wanted.before)
            about = rows if question_name is None else [row for row in rows if row.name == question_name]
            known = [] if question is None else round_commands.checkpoints(session, question.id)
            kept = {"question": question_name, "kind": kind, "before": found["next"]}
            return {
                "number": number,
                "names": [row.name for row in rows],
                "asked_question": question_name,
                "asked_kind": kind,
                "found": found,
                "under_way": [
                    {"question": row.name, "round": view.running(session, row)} for row in about[: view.PAGE]
                ],
                "question": question.name if question else None,
                "checkpoints": [
                    {
                        "version": each.version, "score": each.score, "low": each.low, "high": each.high,
                        "metric": each.metric, "broken": each.broken, "labels": each.label_count,
                        "champion": question is not None and each.id == question.champion_id,
                    }
                    for each in known[: view.PAGE]
                ],
                "older": urlencode({name: value for name, value in kept.items() if value}) if found["next"] else None,
            }  # fmt: skip

    @frame.page("/projects/<int:number>/rounds/<int:round>", "Round", tab=False)
    def one_round(number: int, round: int) -> Shown:
        with source.database.session() as session:
            chosen(session, number)
            row = view.of_project(session, number, round)
            found = view.details(session, source.settings, row)
            words = view.words(source.settings, row) if current().role is Role.ADMIN else ""
        report = found["report"] or {}
        return {"number": number, "found": found, "report": report, "words": words, "training": _training(report)}


def _training(report: dict[str, Any]) -> dict[str, Any] | None:
    points = report.get("training_curve")
    if not points:
        return None
    epochs = [each["epoch"] for each in points]
    traces = [charts.line(said, epochs, [each.get(name) for each in points], colour) for name, said, colour in LOSSES]
    names = ("train_loss", "validation_loss", "score")
    rows = [[each["epoch"], *(_number(each.get(name)) for name in names)] for each in points]
    columns = ["epoch", "training loss", "validation loss", "validation score"]
    return {"figure": charts.figure(traces, "epoch", "loss"), "columns": columns, "rows": rows}


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
