"""The web process as it really runs: supervisor, gunicorn, torch, one real checkpoint."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from labelwheel.backend.database.tables import Project, ProjectState, QuestionRow, Server
from labelwheel.backend.settings import Settings
from tests.backend import real
from tests.backend.processes.processes import TOKEN, alive, running, until
from tests.backend.stage import Stage

BEARER = {"Authorization": f"Bearer {TOKEN}"}
CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="topic" toName="text">'
    + "".join(f'<Choice value="{value}"/>' for value in real.TOPIC.values)
    + "</Choices></View>"
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    home = tmp_path_factory.mktemp("service") / "home"
    home.mkdir()
    (home / "checkpoints").mkdir()
    for version in real.VERSIONS:
        shutil.copytree(real.store() / version, home / "checkpoints" / version)
    stage = Stage(Settings(home=home))
    with stage.database.transaction() as tx:
        project = Project(
            tool="label-studio", url="http://tool.test", external_id="1", api_key="api-secret", reference="1.99",
            service_url="http://here.test", title="Messages", state=ProjectState.CONNECTED,
        )  # fmt: skip
        tx.add(project)
        tx.flush()
        tx.add(QuestionRow(project_id=project.id, name="topic", spec=real.TOPIC.model_dump(mode="json")))
        stage.project = project.id
    stage.promote({"topic": "n1"})
    yield stage
    stage.database.dispose()


@pytest.fixture(scope="module")
def web(stage):
    # of graphs on a CPU, also on a machine with a GPU
    settings = {"LABELWHEEL_TOKEN": TOKEN, "LABELWHEEL_MAX_BODY_MB": "8", "LABELWHEEL_DEVICE": "cpu"}
    with running("web", stage.settings.home, **settings) as process:
        until(process.answers, message=process.said())
        until(lambda: setup(process).ok, message=process.said())
        yield process


def setup(web):
    body = {"project": "1.99", "schema": CONFIG, "hostname": "", "access_token": ""}
    return requests.post(f"{web.url}/setup", json=body, headers=BEARER, timeout=10)


def predict(web, count, start=0):
    tasks = [
        {"id": start + place, "data": {"text": f"Where is parcel {start + place}? " * 3}} for place in range(count)
    ]
    body = {"tasks": tasks, "project": "1.99", "label_config": CONFIG, "params": {}}
    return requests.post(f"{web.url}/predict", json=body, headers=BEARER, timeout=100)


def test_only_the_worker_has_an_engine_and_nobody_has_torch_where_graphs_are_served(web):
    assert predict(web, 1).ok
    gunicorns = web.children("gunicorn")
    assert len(gunicorns) == 2
    for each in gunicorns:
        mapped = Path(f"/proc/{each.pid}/maps").read_text()
        assert ("onnxruntime" in mapped) is (each.ppid() != web.process.pid)
        assert "libtorch" not in mapped


def test_what_label_studio_asks_for(web, stage):
    version = setup(web).json()["model_version"]
    results = predict(web, 40).json()["results"]
    assert len(results) == 40
    assert {each["model_version"] for each in results} == {version}
    assert results[0]["result"][0]["value"] == {"choices": ["parcel lost"]}
    assert web.get("/versions").json()["versions"] == [version]


def test_it_reports_what_it_serves(web, stage):
    def served():
        with stage.database.session() as session:
            return [row.serving.get(str(stage.project)) for row in session.query(Server)]

    version = setup(web).json()["model_version"]
    until(lambda: served() == [version])


def test_health_and_setup_are_quick_during_a_bulk_predict_and_a_training_run(web, record_property):
    busy = subprocess.Popen([sys.executable, "-c", "import os\nos.nice(10)\nwhile True: sum(range(10**6))"])
    session, taken, done = requests.Session(), {"/health": [], "/setup": []}, threading.Event()
    answers, lasted = [], []

    def bulk():
        began = time.perf_counter()
        answers.append(predict(web, 500, start=1000))
        lasted.append((time.perf_counter() - began) * 1000)
        done.set()

    thread = threading.Thread(target=bulk)
    thread.start()
    try:
        body = {"project": "1.99", "schema": CONFIG}
        while not done.is_set():
            for path, call in (
                ("/health", lambda: session.get(f"{web.url}/health", headers=BEARER, timeout=60)),
                ("/setup", lambda: session.post(f"{web.url}/setup", json=body, headers=BEARER, timeout=60)),
            ):
                started = time.perf_counter()
                assert call().ok
                taken[path].append((time.perf_counter() - started) * 1000)
            time.sleep(0.01)
    finally:
        busy.kill()
        thread.join()
    assert answers[0].ok
    assert len(answers[0].json()["results"]) == 500
    for path, times in taken.items():
        assert len(times) > 5, "the bulk request was over too soon to measure anything"
        times.sort()
        told = f"median {statistics.median(times):.1f} ms, p95 {times[int(len(times) * 0.95)]:.1f}, max {times[-1]:.1f}"
        record_property(path, told)
        print(f"{path}: {told} ({len(times)} requests)")
        assert statistics.median(times) < lasted[0] / 20, f"it waits for the {lasted[0]:.0f} ms of the bulk: {told}"
        assert times[-1] < lasted[0] / 2, f"one of them waits for the {lasted[0]:.0f} ms of the bulk: {told}"


def test_a_swap_is_seen_by_setup_and_predict_at_once(web, stage):
    before = setup(web).json()["model_version"]
    after = stage.promote({"topic": "n2"})
    until(lambda: setup(web).json()["model_version"] == after)
    assert {each["model_version"] for each in predict(web, 3).json()["results"]} == {after}
    assert before != after


def test_a_corrupt_checkpoint_leaves_the_champion(web, stage):
    before = setup(web).json()["model_version"]
    broken = stage.settings.home / "checkpoints" / "n3"
    shutil.copytree(real.store() / "n1", broken)
    (broken / "model.safetensors").write_bytes(b"\0" * 100)
    failing = stage.promote({"topic": "n3"})

    def problem():
        with stage.database.session() as session:
            return session.query(Server).one().problems.get(str(stage.project))

    until(problem)
    assert problem()["generation"] == failing
    assert setup(web).json()["model_version"] == before
    assert predict(web, 1).ok
    stage.promote({"topic": "n2"})
    until(lambda: problem() is None)


def test_a_body_of_50_mb_is_answered(web):
    answer = requests.post(f"{web.url}/predict", data=b" " * 50_000_000, headers=BEARER, timeout=30)
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "TooLarge")
    pieces = (b" " * 100_000 for _ in range(500))
    answer = requests.post(f"{web.url}/predict", data=pieces, headers=BEARER, timeout=30)
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "TooLarge")
    assert setup(web).ok


def test_strangers_get_nothing(web):
    for path in ("/health", "/metrics", "/versions", "/api/v1/status"):
        assert web.get(path, headers={}).status_code == 401
    for path in ("/setup", "/predict", "/webhook"):
        assert requests.post(f"{web.url}{path}", json={}, timeout=60).status_code == 401


def test_the_home_is_private(web, stage):
    home = stage.settings.home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.glob("labelwheel.db*")} == {0o600}
    assert TOKEN not in web.said()
    assert "api-secret" not in web.said()


def test_a_second_service_on_the_same_home_is_refused(web, stage):
    with running("web", stage.settings.home, LABELWHEEL_TOKEN=TOKEN) as second:
        assert second.process.wait(30) == 1
    assert "is running on" in second.said()
    assert str(web.process.pid) in second.said()


def test_a_killed_web_process_comes_back(web):
    for victim in web.children("gunicorn"):
        victim.send_signal(signal.SIGKILL)
    until(web.answers)
    until(lambda: setup(web).ok)
    assert predict(web, 1).ok
    assert "starting it again" in web.said()


def test_it_stops_within_seconds_also_while_it_predicts(web, stage):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(predict(web, 4000, start=50_000)))
    thread.start()
    time.sleep(1.5)
    family = web.children("")
    assert web.stop() < 15
    thread.join(30)
    assert answers[0].status_code == 503, "who waits is told, not cut off"
    assert not alive(family)
    with stage.database.session() as session:
        assert session.query(Server).count() == 0, "nobody has to wait for it any more"


def test_who_is_connected_is_answered_while_it_stops(stage):
    # open connections are kept for two seconds then, which a busy machine may miss
    assert next((code for _ in range(3) if (code := asked_while_it_stops(stage))), None) == 200


def asked_while_it_stops(stage):
    """The status of an answer; None where the connection was closed before anything was asked."""
    with running("web", stage.settings.home, LABELWHEEL_TOKEN=TOKEN, LABELWHEEL_DEVICE="cpu") as web:
        until(web.answers, message=web.said())
        until(lambda: setup(web).ok, message=web.said())
        with requests.Session() as session:
            session.headers.update(BEARER)
            assert session.get(f"{web.url}/health", timeout=10).ok
            ending = threading.Thread(target=web.stop)
            ending.start()
            until(lambda: refuses(web.port))
            body = {"tasks": [{"id": 1, "data": {"text": "Where is it?"}}], "project": "1.99", "label_config": CONFIG}
            code = None
            with contextlib.suppress(requests.ConnectionError):
                code = session.post(f"{web.url}/predict", json=body, timeout=10).status_code
        ending.join(30)
        return code


def refuses(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) != 0


def test_gunicorn_refuses_to_preload(stage):
    environment = {**os.environ, "LABELWHEEL_HOME": str(stage.settings.home), "LABELWHEEL_PORT": "0"}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:labelwheel.backend.processes.gunicorn_conf"]
    for extra in (["--preload"], ["--workers", "2"]):
        ended = subprocess.run([*command, *extra], env=environment, capture_output=True, text=True, timeout=60)
        assert ended.returncode != 0
        assert "labelwheel" in ended.stdout + ended.stderr
