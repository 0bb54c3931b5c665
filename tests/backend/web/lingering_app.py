"""A WSGI app for gunicorn: how often the main thread handed over a connection; /held waits for somebody's /free."""

import threading

from backend.web.connections import LingeringWorker

_free = threading.Event()
_handed = 0


class CountingWorker(LingeringWorker):
    def enqueue_req(self, conn):
        global _handed
        _handed += 1
        super().enqueue_req(conn)


def app(environ, start_response):
    body = str(_handed).encode()
    if environ["PATH_INFO"] == "/held":
        body = b"in time" if _free.wait(30) else b"too late"
    if environ["PATH_INFO"] == "/free":
        _free.set()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
