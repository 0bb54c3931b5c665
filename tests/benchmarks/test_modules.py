"""No benchmark is left behind when what it measures moves: nothing else looks at most of them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import benchmarks

ROOT = Path(benchmarks.__file__ or "").parent
APART = {"benchmarks.labels.setfit_run"}
"""Runs in an environment of its own."""


def names() -> list[str]:
    found = (path.relative_to(ROOT.parent).with_suffix("") for path in ROOT.rglob("*.py"))
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in found)


@pytest.mark.parametrize("name", [name for name in names() if name not in APART and "__main__" not in name])
def test_each_module_can_be_imported(name: str) -> None:
    assert importlib.import_module(name)
