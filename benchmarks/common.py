"""What every benchmark needs: the data's folder, the machine's description, a place for the raw numbers."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def data_folder(given: str | None, name: str) -> Path:
    """One data set's folder below `--data` or LABELWHEEL_DATA; without one the process ends with a plain line."""
    root = given or os.environ.get("LABELWHEEL_DATA")
    if not root:
        sys.exit(f"this benchmark needs the data set {name}: give its parent folder as --data or LABELWHEEL_DATA")
    folder = Path(root) / name
    if not folder.is_dir():
        sys.exit(f"there is no {folder}: --data or LABELWHEEL_DATA must name the folder that holds {name}/")
    return folder


def jsonl(file: Path) -> list[dict[str, Any]]:
    """The rows of a JSON lines file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "scikit-learn")},
    }


def save(name: str, record: dict[str, Any]) -> Path:
    """Keep raw numbers as JSON; returns the file, relative to where we are where that is shorter."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    file.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
