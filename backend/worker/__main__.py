"""`python -m backend.worker`"""

from __future__ import annotations

import signal
import sys
import threading

from backend import logs
from backend.processes import home_folder
from backend.settings import load
from backend.worker.main import run
from training.errors import LabelwheelError


def main() -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = load()
        logs.configure(settings.log_level)
        home_folder.prepare(settings)
        run(settings, stop)
    except LabelwheelError as error:
        print(f"labelwheel worker: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
