"""The web process against clients that are slow, silent, rude or broken: everybody else is answered meanwhile."""

import contextlib
import json
import resource
import socket
import threading
import time

import pytest

from labelwheel.backend.settings import Settings
from tests.backend.processes.processes import TOKEN, running, until
from tests.backend.stage import Stage

BEARER = f"Authorization: Bearer {TOKEN}\r\n"
HEALTH = f"GET /health HTTP/1.1\r\nHost: here\r\n{BEARER}\r\n".encode()
CROWD = 1200  # more than gunicorn holds connections
RECEIVE_SECONDS = 4


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    home = tmp_path_factory.mktemp("service") / "home"
    home.mkdir()
    (home / "checkpoints").mkdir()
    Stage(Settings(home=home)).database.dispose()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    environment = {"LABELWHEEL_TOKEN": TOKEN, "LABELWHEEL_RECEIVE_SECONDS": str(RECEIVE_SECONDS)}
    with running("web", home, **environment) as process:
        until(process.answers, message=process.said())
        yield process
    assert "Traceback" not in process.said()


@contextlib.contextmanager
def crowd(web, count, first=b""):
    """So many connections, each of which has sent the first bytes."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_connection(("127.0.0.1", web.port), 20)) for _ in range(count)]
        for each in found:
            with contextlib.suppress(OSError):  # it had to make room
                each.sendall(first)
        yield found


def answers(sock, count=1):
    """Status, headers and body of each answer that comes."""
    found, file = [], sock.makefile("rb")
    with contextlib.suppress(ConnectionError):
        while len(found) < count and (line := file.readline()):
            headers = {}
            while (header := file.readline().strip()) and b":" in header:
                name, _, value = header.partition(b":")
                headers[name.decode().lower()] = value.strip().decode()
            status = int(line.split()[1])
            if status >= 200:
                found.append((status, headers, file.read(int(headers.get("content-length", 0)))))
    return found


def answer(web, data):
    with socket.create_connection(("127.0.0.1", web.port), 20) as sock:
        sock.sendall(data)
        return answers(sock)[0]


def still_answers(web, times=10):
    for _ in range(times):
        assert web.get("/health", timeout=30).ok


def problem(found):
    status, _, body = found
    error = json.loads(body)["error"]
    assert set(error) == {"type", "message"}
    return status, error["type"]


def test_silent_connections_keep_nobody_waiting(web):
    with crowd(web, CROWD):
        still_answers(web)


def test_slow_heads_keep_nobody_waiting_and_end(web):
    with crowd(web, 200, HEALTH[:20]) as slow:
        stop = threading.Event()

        def trickle():
            while not stop.wait(0.2):
                for each in slow:
                    with contextlib.suppress(OSError):
                        each.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            still_answers(web, 30)
            assert problem(answers(slow[0])[0]) == (408, "TooSlow")
        finally:
            stop.set()
            thread.join()


def test_a_connection_that_has_been_answered_may_not_be_slow_either(web):
    with crowd(web, 100, HEALTH) as slow:
        for each in slow:
            assert answers(each)[0][0] == 200
            each.sendall(HEALTH[:30])
        still_answers(web)
        assert problem(answers(slow[0])[0]) == (408, "TooSlow")


@pytest.mark.parametrize("path", ["/predict", "/api/v1/rounds/1/progress", "/api/v1/projects", "/no/such/page",
                                  "/argilla/11111111-1111-4111-8111-111111111111/webhook"])  # fmt: skip
@pytest.mark.parametrize("length", ["Content-Length: 30000000", "Transfer-Encoding: chunked"])
def test_a_strangers_body_is_never_waited_for(web, path, length):
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    with crowd(web, 100, head.encode()) as strangers:
        for each in strangers:
            assert problem(answers(each)[0])[0] in (401, 404)
        still_answers(web)


def test_slow_bodies_of_those_with_a_token_keep_nobody_waiting_and_end(web):
    head = f"POST /predict HTTP/1.1\r\nHost: here\r\n{BEARER}Content-Length: 1000\r\n\r\n"
    with crowd(web, 100, head.encode() + b"{") as slow:
        still_answers(web)
        found = {problem(answers(each)[0]) for each in slow}
        assert found == {(408, "TooSlow"), (503, "Overloaded")}


def test_who_never_reads_or_leaves_keeps_nobody_waiting(web):
    with crowd(web, 200, b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n" * 50) as rude:
        still_answers(web)
        assert [problem(each) for each in answers(rude[0], 50)] == [(401, "Unauthorized")]


def test_requests_that_come_at_once_are_answered_in_order(web):
    post = f"POST /setup HTTP/1.1\r\nHost: here\r\n{BEARER}Content-Length: 2\r\n\r\n{{}}".encode()
    with crowd(web, 1, HEALTH + post + HEALTH + post + HEALTH[:40]) as [sock]:
        assert [each[0] for each in answers(sock, 4)] == [200, 400, 200, 400]
        sock.sendall(HEALTH[40:])
        assert answers(sock)[0][0] == 200


CHUNKED = f"POST /setup HTTP/1.1\r\nHost: here\r\n{BEARER}Transfer-Encoding: chunked\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", 400),
        (CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\n{}\r\n", 400),
        (CHUNKED + b"2;\0\r\n{}\r\n0\r\n\r\n", 400),
        (CHUNKED + b"2\r\n{}xx0\r\n\r\n", 400),
        (CHUNKED + b"2" * 9000, 400),
        (CHUNKED + b"ffffffffffffffff\r\n" + b" " * 5_000_000, 413),
        (CHUNKED + b"2\r\n{}\r\n0\r\nA: b\nC\r\n\r\n", 400),
        (HEALTH.replace(b"here", b"a" * 9000), 431),
        (HEALTH[:-2] + b"".join(b"A%d: b\r\n" % each for each in range(200)) + b"\r\n", 431),
        (HEALTH[:-2] + b"".join(b"A%d: %s\r\n" % (each, b"x" * 8000) for each in range(90)) + b"\r\n", 431),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"get /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/7.1\r\n\r\n", 400),
        (b"GET /health\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (HEALTH[:-2] + b"Content-Length: -1\r\n\r\n", 400),
        (HEALTH[:-2] + b"Content-Length: x\r\n\r\n", 400),
        (HEALTH[:-2] + b"Transfer-Encoding: made-up\r\n\r\n", 400),
        (HEALTH[:-2] + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
        (HEALTH[:-2] + b"Expect: miracles\r\n\r\n", 417),
        (HEALTH[:-2] + b"A : b\r\n\r\n", 400),
        (HEALTH[:-2] + b"A\0: b\r\n\r\n", 400),
        (HEALTH.replace(b"GET", b"MADEUP"), 405),
    ],
)
def test_what_is_no_request_is_told_so_in_our_words(web, data, status):
    found = answer(web, data)
    assert found[0] == status
    problem(found)
    still_answers(web, 1)


def test_a_body_that_ends_early_costs_one_connection(web):
    for head in (CHUNKED + b"50\r\n{", CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: 90") + b"{"):
        with socket.create_connection(("127.0.0.1", web.port), 20) as sock:
            sock.sendall(head)
            sock.shutdown(socket.SHUT_WR)
            assert problem(answers(sock)[0]) == (400, "InvalidRequest")
    still_answers(web, 1)


def test_a_slow_but_steady_body_is_taken(web):
    head = f"POST /setup HTTP/1.1\r\nHost: here\r\n{BEARER}Content-Length: 4\r\n\r\n"
    with crowd(web, 1, head.encode()) as [sock]:
        for piece in (b"{", b" ", b" ", b"}"):
            time.sleep(0.5)
            sock.sendall(piece)
        assert problem(answers(sock)[0]) == (400, "InvalidPayload")
