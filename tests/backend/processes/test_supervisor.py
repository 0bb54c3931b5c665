"""The supervisor with children that are cheap to start."""

import os
import signal
import stat
import subprocess
import sys
import time

import psutil
import pytest

from labelwheel.backend.errors import Conflict, InvalidSettings
from labelwheel.backend.processes import home_folder, supervisor
from labelwheel.backend.settings import Settings
from tests.backend.processes.processes import alive, free_port, until

SUPERVISE = """
import os
import sys
from rich.console import Console
from labelwheel.backend.processes import supervisor
supervisor.FIRST_PAUSE = 0.1
console = Console(stderr=True)
children = [
    supervisor.Child(f"child{number}", [sys.executable, "-u", "-c", code], os.environ, console)
    for number, code in enumerate(sys.argv[1:])
]
sys.exit(supervisor.Supervisor(children, console).run())
"""
FOREVER = "import time, os; print('alive', os.getpid()); time.sleep(1000)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(1000)"
CRASHING = "print('crash'); raise SystemExit(3)"


@pytest.fixture
def supervise(tmp_path):
    processes = []

    def supervise(*codes):
        log = (tmp_path / "log").open("w+")
        process = subprocess.Popen([sys.executable, "-c", SUPERVISE, *codes], stdout=log, stderr=log)
        processes.append(process)
        process.said = lambda: (tmp_path / "log").read_text()
        return process

    yield supervise
    for process in processes:
        for each in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            each.kill()
        process.kill()


def children(process, count):
    until(lambda: len(psutil.Process(process.pid).children()) == count, 30, process.said())
    return psutil.Process(process.pid).children()


def test_all_stop_together_and_nobody_is_left(supervise):
    process = supervise(FOREVER, FOREVER)
    until(lambda: process.said().count("alive") == 2, 30)
    family = children(process, 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert not alive(family)


def test_a_child_that_ends_is_started_again_with_growing_pauses(supervise):
    process = supervise(FOREVER, CRASHING)
    until(lambda: process.said().count("crash\n") >= 3, 60)
    said = process.said()
    assert "child1 ended (exit code 3); starting it again in 0.1 s" in said
    assert "starting it again in 0.2 s" in said
    assert said.count("alive") == 1, "the other one is left alone"
    assert process.said().count("crash\n") < 10


def test_a_killed_child_comes_back(supervise):
    process = supervise(FOREVER)
    until(lambda: "alive" in process.said(), 30)
    children(process, 1)[0].kill()
    until(lambda: process.said().count("alive") == 2, 30)
    assert "SIGKILL" in process.said()


def test_the_children_of_a_killed_supervisor_end(supervise):
    process = supervise(FOREVER, FOREVER)
    until(lambda: process.said().count("alive") == 2, 30)
    family = children(process, 2)
    process.kill()
    process.wait(10)
    psutil.wait_procs(family, timeout=10)
    assert not alive(family)


def test_who_does_not_listen_is_killed(supervise):
    process = supervise(STUBBORN)
    until(lambda: "deaf" in process.said(), 30)
    family = children(process, 1)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)  # a second Ctrl-C means now
    process.wait(5)
    assert not alive(family)


def test_lines_carry_the_name_of_their_process(supervise):
    process = supervise("print('[bold]one[/bold]'); print('two'); import time; time.sleep(100)")
    until(lambda: "two" in process.said(), 30)
    assert "child0 │ [bold]one[/bold]" in process.said()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_listening_for_others_needs_a_token(host, tmp_path):
    with pytest.raises(InvalidSettings, match="LABELWHEEL_TOKEN"):
        home_folder.check(Settings(home=tmp_path, host=host, token=None))
    home_folder.check(Settings(home=tmp_path, host=host, token="a-token-of-sixteen"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_listening_for_this_machine_does_not(host, tmp_path):
    home_folder.check(Settings(home=tmp_path, host=host, token=None))


def test_the_home_is_made_private(tmp_path):
    code = "from labelwheel.backend import settings\nfrom labelwheel.backend.processes import home_folder\n"
    code += "home_folder.prepare(settings.load())"
    folder = tmp_path / "deep" / "home"
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "LABELWHEEL_HOME": str(folder)}, check=True, timeout=60
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "labelwheel.db").stat().st_mode) == 0o600


def test_a_home_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSettings, match="LABELWHEEL_HOME"):
        home_folder.prepare(Settings(home=tmp_path / "file" / "home"))


def test_a_home_is_held_once_per_role(tmp_path):
    settings = Settings(home=tmp_path)
    with home_folder.held(settings, ["web"]):
        with pytest.raises(Conflict, match=str(os.getpid())), home_folder.held(settings, ["web", "worker"]):
            pass
        with home_folder.held(settings, ["worker"]):
            pass
    with home_folder.held(settings, ["web", "worker"]):
        pass


def test_a_port_that_is_taken_is_one_line():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InvalidSettings, match="--port"):
            home_folder.free_port("127.0.0.1", taken.getsockname()[1])
    assert home_folder.free_port("127.0.0.1", 0) > 0
    with pytest.raises(InvalidSettings, match="--host"):
        home_folder.free_port("192.0.2.1", free_port())


@pytest.mark.parametrize("name", ["base_model", "zero_shot", "text_model", "tune_base_models"])
def test_what_the_children_get_to_see(name, tmp_path, monkeypatch):
    monkeypatch.delenv("LABELWHEEL_URL", raising=False)
    seen = supervisor.child_environment(Settings(home=tmp_path, serving_threads=3), 9191)
    assert seen["web"]["OMP_NUM_THREADS"] == "3"
    assert {each["OPENBLAS_NUM_THREADS"] for each in seen.values()} == {"1"}
    assert seen["web"]["MALLOC_ARENA_MAX"] == os.environ.get("MALLOC_ARENA_MAX", "2")
    assert "OMP_NUM_THREADS" not in seen["worker"] or seen["worker"]["OMP_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"]
    for role in seen.values():
        assert role["LABELWHEEL_URL"] == "http://127.0.0.1:9191"
        assert role["LABELWHEEL_PORT"] == "9191"
        assert role["HF_HUB_OFFLINE"] == "1"
    seen = supervisor.child_environment(Settings(home=tmp_path, url="http://web:9090", **{name: "some/model"}), 9191)
    assert seen["worker"]["LABELWHEEL_URL"] == "http://web:9090"
    assert "HF_HUB_OFFLINE" not in seen["worker"] or "HF_HUB_OFFLINE" in os.environ
    assert seen["web"]["HF_HUB_OFFLINE"] == "1", "serving never needs a hub"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("::1", "http://[::1]:1"),
        ("h.test", "http://h.test:1"),
    ],
)
def test_where_the_children_find_the_service(host, url):
    assert supervisor.local_url(host, 1) == url
