"""All ways of learning that are compared, the cheapest first."""

from __future__ import annotations

from benchmarks.labels import lanes, loop, simple
from benchmarks.labels.learning import Method, each
from benchmarks.labels.setfit_apart import setfit

OURS = "ours"
ORDERED = "ours, in order"
QUICK = "ours, quick"
QUICK_ORDERED = "ours, quick, in order"
STOCK = "stock"

METHODS: dict[str, Method] = {
    "names": each(simple.names, least=0),
    "frozen + LR": each(simple.frozen_lr),
    "several layers": each(simple.several_layers, several=False),
    "fast lane": each(lanes.fast),
    "round, quick": each(lanes.quick_round),
    QUICK: loop.ours_quick,
    QUICK_ORDERED: loop.ours_quick_in_order,
    STOCK: each(simple.stock),
    "setfit": setfit,
    "round": each(lanes.whole_round),
    OURS: loop.ours,
    ORDERED: loop.ours_in_order,
}

SLOW = (QUICK, QUICK_ORDERED, STOCK, "setfit", "round", OURS, ORDERED)
"""What takes minutes."""

OTHERS = ("names", "frozen + LR", "several layers", STOCK, "setfit")
"""What others would use in our place."""
