"""The figures as a picture: a panel for each set, a line for each way of learning, in plain SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from benchmarks.labels.kept import Run
from benchmarks.labels.methods import METHODS
from benchmarks.labels.summary import Points, points

COLOURS = (
    "#888888",
    "#e69f00",
    "#009e73",
    "#56b4e9",
    "#cc79a7",
    "#7570b3",
    "#d55e00",
    "#f0c000",
    "#8c564b",
    "#000000",
    "#1b7837",
    "#666600",
)
WIDTH, HEIGHT, EDGE, COLUMNS = 320, 220, 40, 3


def draw(runs: Sequence[Run], file: Path) -> None:
    """Writes the picture; the number of labels goes up in steps that are as far apart as they are in the runs."""
    there = points(runs)
    names, counts = sorted({run.set for run in runs}), sorted({run.labels for run in runs})
    methods = [method for method in METHODS if any(run.method == method for run in runs)]
    rows = -(-len(names) // COLUMNS)
    wide, high = COLUMNS * WIDTH, rows * HEIGHT + 20 * len(methods) + EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="11">',
        f'<rect width="{wide}" height="{high}" fill="white"/>',
    ]
    for number, name in enumerate(names):
        left, top = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
        parts += [f'<g transform="translate({left} {top})">', *_panel(there, name, counts, methods), "</g>"]
    for place, method in enumerate(methods):
        height = rows * HEIGHT + 20 * place + 20
        parts.append(f'<line x1="{EDGE}" x2="{EDGE + 30}" y1="{height}" y2="{height}" {_stroke(method)}/>')
        parts.append(f'<text x="{EDGE + 38}" y="{height + 4}">{escape(method)}</text>')
    file.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def _panel(there: Points, name: str, counts: Sequence[int], methods: Sequence[str]) -> list[str]:
    """One set, its metric from 0 to 1."""
    right, bottom = WIDTH - 10, HEIGHT - EDGE
    across = {count: EDGE + (right - EDGE) * place / max(len(counts) - 1, 1) for place, count in enumerate(counts)}
    parts = [f'<text x="{EDGE}" y="14" font-weight="bold">{escape(name)}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        height = bottom - (bottom - 20) * share
        parts.append(f'<line x1="{EDGE}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{EDGE - 6}" y="{height + 4:.1f}" text-anchor="end">{share:g}</text>')
    for count, x in across.items():
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{count}</text>')
    for method in methods:
        found = [(count, there[name, count, method]) for count in counts if (name, count, method) in there]
        spots = [
            (across[count], bottom - (bottom - 20) * float(np.mean([run.score for run in each.values()])))
            for count, each in found
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{line}" fill="none" {_stroke(method)}/>')
    return parts


def _stroke(method: str) -> str:
    place = list(METHODS).index(method)
    return f'stroke="{COLOURS[place % len(COLOURS)]}" stroke-width="{2.5 if method.startswith("ours") else 1.2}"'
