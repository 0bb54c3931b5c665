"""What an inspection leaves: NAME.json for each section that is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def done(output: Path) -> dict[str, dict[str, Any]]:
    """What lies there: by section {"place", "found", "text", "seconds"}, or {"place", "problem"}.

    `place` is the section's among all. Unreadable files are passed over.
    """
    parts: dict[str, dict[str, Any]] = {}
    for path in sorted(output.glob("*.json")):
        try:
            part = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(part, dict):
            parts[path.stem] = part
    return parts
