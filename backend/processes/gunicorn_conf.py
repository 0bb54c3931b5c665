"""How gunicorn runs the web process: one worker with threads, the app loaded in the worker alone."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from labelwheel.backend import logs
from labelwheel.backend.app import EXTENSION
from labelwheel.backend.devices import gpu_in_sight
from labelwheel.backend.processes import home_folder
from labelwheel.backend.serving import cores
from labelwheel.backend.serving.engines import memory
from labelwheel.backend.settings import load
from labelwheel.training.errors import LabelwheelError

try:
    _settings = load()
    home_folder.check(_settings)
except LabelwheelError as _error:
    raise SystemExit(f"labelwheel web: {_error}") from None
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"{_host}:{_settings.port}"
wsgi_app = "labelwheel.backend.app:create_app()"
proc_name = "labelwheel-web"
worker_class = "labelwheel.backend.processes.lingering_worker.LingeringWorker"
workers = 1
threads = _settings.web_threads
worker_connections = 1000
timeout = 0  # a thread may be busy for as long as a bulk request takes; requests have deadlines of their own
graceful_timeout = 5
keepalive = 15
preload_app = False
control_socket_disable = True
logconfig_dict = logs.config(_settings.log_level)


class logger_class(Logger):  # noqa: N801 (gunicorn's setting)
    """Writes no line for a request, and does not put one together to throw it away."""

    def access(self, *_: Any) -> None:
        """/metrics counts the requests."""


def on_starting(server: Any) -> None:
    """Refuses what would load a model before the fork: CUDA does not survive one, torch on a CPU hangs in one."""
    if server.cfg.preload_app:
        raise SystemExit("labelwheel cannot run with gunicorn's preload_app: a model does not survive the fork")
    try:
        home_folder.check_ready(_settings)
    except LabelwheelError as error:
        raise SystemExit(f"labelwheel web: {error}") from None
    if server.cfg.is_ssl:
        raise SystemExit("labelwheel speaks plain HTTP: let a proxy in front of it speak TLS")
    if server.cfg.workers != 1:
        raise SystemExit("labelwheel runs one gunicorn worker for each device; start another one on another port")


def pre_fork(server: Any, worker: Any) -> None:
    """The last moment to notice that the master would pass torch on to its worker."""
    if "torch" in sys.modules:
        raise SystemExit("torch was imported before the fork; a worker would hang in its first prediction")


def post_fork(server: Any, worker: Any) -> None:
    """Before the worker starts a thread, which keeps to the cores of the one that starts it."""
    # a suggestion gives the interpreter away and wants it back some times: beside a thread that counts for a page, each
    # time took Python's 5 ms
    sys.setswitchinterval(0.001)
    if not gpu_in_sight(_settings.engine, _settings.device):
        cores.leave_one()


def post_worker_init(worker: Any) -> None:
    """Ends bulk requests at SIGTERM: gunicorn would wait for them, and then cut them off without an answer."""

    def end(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=_stop, args=(worker,), daemon=True).start()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, end)
    memory.settle()


def worker_exit(server: Any, worker: Any) -> None:
    """Takes leave of the database, so that nobody waits for this process to swap."""
    _stop(worker)


def _stop(worker: Any) -> None:
    service = getattr(getattr(worker, "wsgi", None), "extensions", {}).get(EXTENSION)
    if service is not None:
        try:
            service.stop(busy=lambda: worker.nr_conns > 0)
        except Exception:
            logging.getLogger(__name__).exception("the web process did not stop cleanly")
