"""`python -m labelwheel.backend.worker`"""

from __future__ import annotations

import signal
import sys
import threading

from labelwheel.backend import logs
from labelwheel.backend.processes import home_folder
from labelwheel.backend.settings import load
from labelwheel.backend.worker.main import run
from labelwheel.training.errors import LabelwheelError


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
