"""Real gunicorn with real connections: what lingers must not keep others from a thread."""

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time

import pytest

from labelwheel.backend.processes.lingering_worker import LINGER_SECONDS
from tests.backend.processes.processes import free_port, until


@pytest.fixture
def server(request):
    """Two threads, of which one lingers."""
    port = free_port()
    name = getattr(request, "param", "CountingWorker")
    worker = ["--worker-class", f"tests.backend.processes.lingering_app.{name}", "--threads", "2"]
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket", *worker]
    # gunicorn's own two seconds end a connection that a loaded machine keeps silent for longer
    patient = ["--graceful-timeout", "5", "--keep-alive", "60"]
    process = subprocess.Popen([*command, *patient, "tests.backend.processes.lingering_app:app"])

    def answers():
        with contextlib.suppress(OSError):
            return ask(connection(port))

    try:
        until(answers, seconds=30)
        yield port, process
    finally:
        process.kill()
        process.wait()


def connection(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=20)


def ask(client, path="/"):
    client.request("GET", path)
    return client.getresponse().read()


def test_a_client_that_asks_again_at_once_keeps_its_thread(server):
    client = connection(server[0])
    before = int(ask(client))
    handed = [int(ask(client)) - before for _ in range(40)]
    assert handed[-1] < 20  # not 0: a loaded machine may come back later than a thread waits


def test_a_connection_outlives_the_wait(server):
    client = connection(server[0])
    ask(client)
    mine = client.sock
    for _ in range(3):
        time.sleep(3 * LINGER_SECONDS)
        assert ask(client)
    assert client.sock is mine


def test_more_connections_than_threads_are_all_answered(server):
    clients = [connection(server[0]) for _ in range(12)]
    for _ in range(10):
        for client in clients:
            assert ask(client)


def test_a_busy_client_does_not_keep_the_last_free_thread_from_others(server):
    port, _ = server
    held, found, stop = connection(port), [], threading.Event()

    def hurry():
        busy = connection(port)
        while not stop.is_set():
            ask(busy)

    holding = threading.Thread(target=lambda: found.append(ask(held, "/held")))
    hurrying = threading.Thread(target=hurry)
    try:
        holding.start()
        hurrying.start()
        time.sleep(0.3)  # one thread is held, and the other one has a client that never pauses
        ask(connection(port), "/free")
        holding.join(30)
    finally:
        stop.set()
        hurrying.join(30)
    assert found == [b"in time"]


def test_it_stops_while_threads_linger(server):
    port, process = server
    clients = [connection(port) for _ in range(4)]
    for client in clients:
        ask(client)
    process.terminate()
    assert process.wait(20) == 0


@pytest.mark.parametrize("killed", [False, True], ids=["told to", "left by its master"])
def test_while_it_ends_nobody_connects_in_vain(server, killed):
    port, process = server
    found = []
    asking = threading.Thread(target=lambda: found.append(ask(connection(port), "/slow")))
    asking.start()
    time.sleep(0.8)
    if killed:
        process.kill()
    else:
        process.terminate()
    with pytest.raises(ConnectionRefusedError):
        _answered_until(port, time.monotonic() + 15, asking)
    asking.join(30)
    assert found == [b"late"]


@pytest.mark.parametrize("server", ["CrowdedWorker"], indirect=True)
def test_an_address_that_has_its_share_of_connections_is_told_so_until_it_closes_one(server):
    with contextlib.closing(connection(server[0])) as first:
        ask(first)
        others = [connection(server[0]) for _ in range(2)]
        for each in others:
            ask(each)
        refused = connection(server[0])
        refused.request("GET", "/")
        answer = refused.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["type"]) == (429, "TooManyConnections")
        assert ask(first)
    until(lambda: _asked(server[0]), seconds=30)


def _answered_until(port, deadline, asking):
    while time.monotonic() < deadline:
        with contextlib.closing(connection(port)) as client:
            client.connect()
            try:
                assert ask(client), "whoever could connect is answered"
            except ConnectionResetError:
                # between the last look at who waits and the close is a moment that nobody can shut: it has to be at
                # once, long before what is asked ends, and from then on nobody connects
                assert asking.is_alive()
                with contextlib.closing(connection(port)) as later:
                    later.connect()
                raise


def _asked(port):
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection(port)) as client:
        client.request("GET", "/")
        return client.getresponse().status == 200
