"""`python -m labelwheel.training.inspection SPEC.json`: an inspection as a process of its own."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from labelwheel.training.errors import LabelwheelError
from labelwheel.training.inspection import process

REFUSED = 3


def main(arguments: list[str]) -> int:
    """The exit code: 0 where every section is done, 3 where the inspection could not be begun."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        process.run(process.read(Path(arguments[0])))
    except LabelwheelError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
