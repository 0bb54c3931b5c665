"""Where commands print tables."""

from __future__ import annotations

import sys

from rich.console import Console

PIPED_WIDTH = 160


def console() -> Console:
    """Wide enough where nobody's terminal sets the width."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
