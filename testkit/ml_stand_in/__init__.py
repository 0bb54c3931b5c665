"""Where a stand-in for label-studio-ml lies: this folder is put on the path of a process that is to have it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
