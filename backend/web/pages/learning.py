"""How a question is learnt: scores against labels, acceptance, the time that labels take, and which there are."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from labelwheel.backend.errors import NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.views import learning as view
from labelwheel.backend.views import wording
from labelwheel.backend.web.pages import charts
from labelwheel.backend.web.pages.frame import Frame, Shown, chosen
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable

COLOURS = (
    "#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#eeca3b", "#ff9da6", "#9d755d", "#439894",
    "#d67195", "#79706e",
)  # fmt: skip
STATES = (("promoted", "@good", "circle"), ("rejected", "@warn", "x"))
"""Told apart by colour and by shape."""
FEWER = "heads on some of the labels"


def add(frame: Frame) -> None:
    """The page and its JSON."""
    source = frame.source

    @frame.api.get("/projects/<int:number>/questions/<path:name>/learning")
    @readable
    @described("How a question is learnt", gives=view.body, refuses=(NotFound,))
    def learning_json(number: int, name: str) -> Response:
        with source.database.session() as session:
            question = projects.question(session, number, name)
            return jsonify(view.learning(session, source.settings, projects.get(session, number), question))

    @frame.page("/projects/<int:number>/learning", "Learning")
    def learning(number: int) -> Shown:
        with source.database.session() as session:
            project, questions, question = chosen(session, number)
            shown: dict[str, Any] = {"questions": questions, "question": question, "found": None}
            if question is not None:
                found = view.learning(session, source.settings, project, question)
                shown |= {"found": found, "scores": _scores(found), "accepted": _accepted(found), "mix": _mix(found)}
            return shown


def _scores(found: dict[str, Any]) -> dict[str, Any]:
    """The chart of the scores and its table."""
    curve, target = found["curve"], found["outlook"]["target"]
    labels = [each["labels"] for each in curve]
    traces: list[charts.Trace] = []
    if curve:
        traces += charts.band("band", labels, [each["low"] for each in curve], [each["high"] for each in curve])
        traces.append(charts.line("expected", labels, [each["score"] for each in curve]))
    if found["fewer_labels"]:
        traces.append(_dots(FEWER, found["fewer_labels"], "@accent", "diamond", [FEWER] * len(found["fewer_labels"])))
    end = max([1, *labels, *(each["labels"] for each in found["rounds"])])
    traces.append(charts.line(f"target {target:g}", [0, end], [target, target], "@dim", line={"dash": "dash"}))
    for state, colour, symbol in STATES:
        rows = [each for each in found["rounds"] if each["state"] == state]
        if rows:
            traces.append(_dots(state, rows, colour, symbol, [each["version"] for each in rows]))
    rows = [
        [each["labels"], f"{each['score']:.3f}", _span(each), each["state"], each["version"], each["at"]]
        for each in found["rounds"]
    ]
    rows += [[each["labels"], f"{each['score']:.3f}", _span(each), FEWER, "", ""] for each in found["fewer_labels"]]
    return {
        "figure": charts.figure(traces, "labels", "score"),
        "columns": ["labels", "score", "95 % interval", "round", "version", "ended"],
        "rows": rows,
    }


def _dots(name: str, rows: list[dict[str, Any]], colour: str, symbol: str, titles: list[str]) -> charts.Trace:
    """Scores with their intervals, and what is said of each."""
    ends = {end: [each["score"] if each[end] is None else each[end] for each in rows] for end in ("low", "high")}
    hover = [
        f"{title}: {wording.score(each)}, {wording.counted(each['labels'], 'label')}"
        for title, each in zip(titles, rows, strict=True)
    ]
    x, y = [each["labels"] for each in rows], [each["score"] for each in rows]
    return charts.points(
        name, x, y, colour, **ends, hover=hover, marker={"color": colour, "size": 10, "symbol": symbol}
    )


def _span(row: dict[str, Any]) -> str | None:
    return None if row["low"] is None or row["high"] is None else f"{row['low']:.3f}–{row['high']:.3f}"


def _accepted(found: dict[str, Any]) -> dict[str, Any]:
    rows = [each for each in found["acceptance"] if each["version"] is not None]
    names = [each["version"] for each in rows]
    colours = {"accepted": "@good", "changed": "@warn"}
    traces = [charts.bars(name, names, [each[name] for each in rows], colours[name]) for name in colours]
    edited = any(each["edited"] is not None for each in found["acceptance"])
    return {
        "figure": charts.figure(traces, "version", "answers", barmode="stack", xaxis={"type": "category"}),
        "columns": ["version", "accepted", "changed", "rate", *(["of the text changed"] if edited else []),
                    "made without one"],
        "rows": [
            [each["version"] or "none, or not known", each["accepted"], each["changed"], wording.percent(each["rate"]),
             *([wording.percent(each["edited"])] if edited else []), each["made"]]
            for each in found["acceptance"]
        ],
    }  # fmt: skip


def _mix(found: dict[str, Any]) -> dict[str, Any]:
    mix = found["mix"]
    x = [_places(each["until"] - each["labels"] + 1, each["until"]) for each in mix["bins"]]
    traces = [
        charts.bars(value, x, [each["counts"][place] for each in mix["bins"]], COLOURS[place])
        for place, value in enumerate(mix["values"])
    ]
    others = [f"{mix['others']} others"] if mix["others"] else []
    if others:
        traces.append(charts.bars(others[0], x, [each["others"] for each in mix["bins"]], "@dim"))
    return {
        "figure": charts.figure(
            traces, "labels in the order they came", "labels", barmode="stack", xaxis={"type": "category"}
        ),
        "columns": ["labels", "from", "to", *mix["values"], *others],
        "rows": [
            [place, each["first"][:16], each["last"][:16], *each["counts"], *([each["others"]] if others else [])]
            for place, each in zip(x, mix["bins"], strict=True)
        ],
    }


def _places(first: int, last: int) -> str:
    return f"{first}–{last}" if last > first else str(last)
