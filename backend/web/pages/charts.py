"""Figures in plotly's JSON, made by hand: the package has the library for the browser, its Python is not loaded.

Colours are names such as `@accent`, which the page's script replaces by those of the theme that is looked at.
https://plotly.com/javascript/reference
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Trace = dict[str, Any]
Numbers = Sequence[float | int | str | None]


def figure(traces: Sequence[Trace], x: str, y: str, **layout: Any) -> dict[str, Any]:
    """A chart with titles at its axes; `layout` has what differs from the style that all charts share."""
    axes = {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}}
    for name in axes:
        axes[name] |= layout.pop(name, {})
    return {"data": list(traces), "layout": axes | layout}


def points(name: str, x: Numbers, y: Numbers, colour: str = "@accent", **more: Any) -> Trace:
    """Dots; `low` and `high` are the ends of their intervals, `hover` what is said of each."""
    low, high, hover = more.pop("low", None), more.pop("high", None), more.pop("hover", None)
    found: Trace = {
        "type": "scatter", "mode": "markers", "name": name, "x": list(x), "y": list(y),
        "marker": {"color": colour, "size": 9},
    }  # fmt: skip
    if low is not None and high is not None:
        found["error_y"] = {
            "type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 4,
            "array": [_gap(top, value) for top, value in zip(high, y, strict=True)],
            "arrayminus": [_gap(value, bottom) for bottom, value in zip(low, y, strict=True)],
        }  # fmt: skip
    if hover is not None:
        found |= {"text": list(hover), "hovertemplate": "%{text}<extra></extra>"}
    return found | more


def line(name: str, x: Numbers, y: Numbers, colour: str = "@accent", **more: Any) -> Trace:
    """A line without dots."""
    style = {"color": colour, "width": 2} | more.pop("line", {})
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": list(x), "y": list(y), "line": style,
    } | more  # fmt: skip


def band(name: str, x: Numbers, low: Numbers, high: Numbers, colour: str = "@band") -> list[Trace]:
    """The area between two lines."""
    bare: dict[str, Any] = {"showlegend": False, "hoverinfo": "skip", "line": {"width": 0}}
    return [line(name, x, low, **bare), line(name, x, high, fill="tonexty", fillcolor=colour, **bare)]


def bars(name: str, x: Numbers, y: Numbers, colour: str = "@accent", **more: Any) -> Trace:
    """Upright bars; with `barmode="stack"` in the layout those of several traces stand on each other."""
    return {"type": "bar", "name": name, "x": list(x), "y": list(y), "marker": {"color": colour}} | more


def _gap(top: float | int | str | None, bottom: float | int | str | None) -> float | None:
    return None if top is None or bottom is None else max(0.0, float(top) - float(bottom))
