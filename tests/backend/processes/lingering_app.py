"""A WSGI app for gunicorn: how often the main thread handed over a connection.

/held waits for somebody's /free, and /slow for two seconds.
"""

import threading
import time

from labelwheel.backend.processes.lingering_worker import LingeringWorker
from labelwheel.backend.processes.peers import Peers

_free = threading.Event()
_handed = 0


class CountingWorker(LingeringWorker):
    def enqueue_req(self, conn):
        global _handed
        _handed += 1
        super().enqueue_req(conn)


class CrowdedWorker(LingeringWorker):
    """For which this machine is as any other, and may hold three connections."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._peers = Peers(3)
        self._peers._name = lambda address: address


def app(environ, start_response):
    body = str(_handed).encode()
    if environ["PATH_INFO"] == "/held":
        body = b"in time" if _free.wait(30) else b"too late"
    if environ["PATH_INFO"] == "/slow":
        time.sleep(2)
        body = b"late"
    if environ["PATH_INFO"] == "/free":
        _free.set()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
