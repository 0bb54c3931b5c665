"""`python -m labelwheel.backend.pipelines FILE`: compiles the pipeline, as labelwheel.yaml beside this file has it."""

from __future__ import annotations

import sys
from pathlib import Path

COMPILED = Path(__file__).with_name("labelwheel.yaml")


def main() -> None:
    """Writes to the file that is named, else over the one that is checked in."""
    from kfp import compiler

    from labelwheel.backend.pipelines.pipeline import labelwheel

    compiler.Compiler().compile(labelwheel, str(sys.argv[1] if len(sys.argv) > 1 else COMPILED))


if __name__ == "__main__":
    main()
