"""A job outlives the worker that started it, is found again, and is ended with all that it started."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

from labelwheel.training.errors import InvalidJob
from labelwheel.training.launchers.base import Launcher, Phase, State, Task
from labelwheel.training.launchers.local import Handle, LocalLauncher
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import Fidelity, JobSpec, Recipe

SCRIPT = """
import json, os, pathlib, signal, subprocess, sys, time
spec = json.loads(open(sys.argv[1]).read())
folder = pathlib.Path(sys.argv[1]).parent
names = ["OMP_NUM_THREADS", "OMP_WAIT_POLICY", "HF_HUB_OFFLINE"]
names += ["LABELWHEEL_TOKEN", "LABELWHEEL_SECRET_KEY", "PGPASSWORD", "KEPT"]
names += ["KUBEFLOW_TRAINER_SERVER_URL", "KUBEFLOW_TRAINER_SERVER_TOKEN"]
seen = {name: os.environ.get(name) for name in names} | {"nice": os.nice(0)}
if seen["KUBEFLOW_TRAINER_SERVER_TOKEN"]:
    seen["token"] = open(seen["KUBEFLOW_TRAINER_SERVER_TOKEN"]).read()
print("hello from the job", flush=True)
wish = spec["data"]
if wish == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if wish in ("wait", "stubborn"):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    seen["grandchild"] = subprocess.Popen([sys.executable, "-c", code]).pid
(folder / "seen.part").write_text(json.dumps(seen))
(folder / "seen.part").rename(folder / "seen.json")
while wish != "now" and not (folder / "go").exists():
    time.sleep(0.02)
if wish == "fail":
    sys.exit(3)
output = pathlib.Path(spec["output"])
output.mkdir()
(output / "labelwheel.json").write_text("{}")
"""


@pytest.fixture
def start(tmp_path):
    """Starts a job that does as it is told, and ends whatever is left of it afterwards."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    handles = []

    def submit(wish, token=None, recipe=Recipe.AUTO, trial=None, **settings):
        launcher = at(tmp_path, command=(sys.executable, str(script)), grace=0.5, **settings)
        question = Question(name="q", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="a"),))
        spec = JobSpec(
            version="v1", question=question, data=wish, output=str(tmp_path / "v1"), recipe=recipe, trial=trial
        )
        url = "http://127.0.0.1:1/progress" if token else None
        handles.append(launcher.submit([Task(tmp_path.name, spec, url, token)]))
        return launcher, handles[-1]

    yield submit
    for handle in handles:
        at(tmp_path, grace=0.0).cancel(handle)


def at(task, **settings):
    """A launcher whose task, named after a folder, has its files there."""
    return LocalLauncher(str(task.parent), **settings)


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def seen(folder):
    until((folder / "seen.json").exists)
    return json.loads((folder / "seen.json").read_text())


def ended(launcher, handle):
    until(lambda: launcher.poll(handle).phase is not Phase.RUNNING)
    return launcher.poll(handle)


def test_a_job_that_answers_from_names_keeps_its_priority(start, tmp_path):
    """It takes seconds, and nothing is suggested until it has ended."""
    launcher, handle = start("wait", recipe=Recipe.NAMES)
    assert seen(tmp_path)["nice"] == os.nice(0)
    leader = Handle.model_validate_json(handle).pid
    assert psutil.Process(leader).nice() == os.nice(0)
    (tmp_path / "go").touch()
    assert ended(launcher, handle) == State(phase=Phase.SUCCEEDED)


def test_a_trial_gives_way_to_rounds(start, tmp_path):
    launcher, handle = start("wait", trial=Fidelity())
    leader = Handle.model_validate_json(handle).pid
    until(lambda: psutil.Process(leader).nice() == 19)
    group = pathlib.Path(f"/proc/{leader}/autogroup")
    if group.exists():
        assert group.read_text().split()[-1] == "19"
    (tmp_path / "go").touch()
    assert ended(launcher, handle) == State(phase=Phase.SUCCEEDED)


def test_a_job_runs_at_low_priority_with_its_limits_and_succeeds(start, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_URL", "http://someone-else")
    launcher, handle = start("wait", threads=1)
    assert isinstance(launcher, Launcher)
    assert launcher.poll(handle) == State(phase=Phase.RUNNING)
    found = seen(tmp_path)
    assert (found["OMP_NUM_THREADS"], found["HF_HUB_OFFLINE"]) == ("1", "1")
    assert found["OMP_WAIT_POLICY"] == "PASSIVE", "its threads would take the cores of those that people wait for"
    assert found["KUBEFLOW_TRAINER_SERVER_URL"] is None
    leader = Handle.model_validate_json(handle).pid
    until(lambda: psutil.Process(leader).nice() >= 10)
    group = pathlib.Path(f"/proc/{leader}/autogroup")
    if group.exists():
        assert group.read_text().split()[-1] == "10", "its session would get as much time as all who ask"
    (tmp_path / "go").touch()
    assert ended(launcher, handle) == State(phase=Phase.SUCCEEDED)
    assert "hello from the job" in (tmp_path / "log").read_text()
    assert "hello from the job" in launcher.logs(handle, tmp_path.name)
    assert launcher.logs(handle, "another") == ""
    launcher.collect(handle)
    assert launcher.poll(handle) == State(phase=Phase.SUCCEEDED), "by what is there"


def test_the_token_is_in_a_private_file_while_the_job_runs(start, tmp_path):
    launcher, handle = start("fail", token="tell-nobody")
    found = seen(tmp_path)
    assert found["token"] == "tell-nobody"
    assert "tell-nobody" not in handle
    file = tmp_path / "log.token"
    assert file.stat().st_mode & 0o077 == 0
    (tmp_path / "go").touch()
    ended(launcher, handle)
    assert not file.exists()


def test_a_failed_job_tells_its_code(start, tmp_path):
    launcher, handle = start("fail")
    (tmp_path / "go").touch()
    assert ended(launcher, handle) == State(phase=Phase.FAILED, code=3)


def test_a_killed_job_has_failed(start, tmp_path):
    launcher, handle = start("fail")
    seen(tmp_path)
    os.kill(Handle.model_validate_json(handle).pid, signal.SIGKILL)
    assert ended(launcher, handle) == State(phase=Phase.FAILED, code=-9)


def test_another_worker_adopts_the_job(start, tmp_path):
    first, handle = start("wait")
    seen(tmp_path)
    second = at(tmp_path)
    assert second.poll(handle).phase is Phase.RUNNING
    (tmp_path / "go").touch()
    ended(first, handle)
    assert second.poll(handle).phase is Phase.SUCCEEDED


def test_an_orphan_that_left_nothing_has_failed(start, tmp_path):
    first, handle = start("fail")
    (tmp_path / "go").touch()
    ended(first, handle)
    assert at(tmp_path).poll(handle) == State(phase=Phase.FAILED)


def test_cancelling_ends_the_children_too(start, tmp_path):
    launcher, handle = start("wait")
    grandchild = seen(tmp_path)["grandchild"]
    launcher.cancel(handle)
    assert launcher.poll(handle).phase is Phase.FAILED
    until(lambda: gone(grandchild))
    launcher.cancel(handle)


def test_another_worker_cancels_what_ignores_a_polite_request(start, tmp_path):
    launcher, handle = start("stubborn")
    grandchild = seen(tmp_path)["grandchild"]
    at(tmp_path, grace=0.3).cancel(handle)
    assert ended(launcher, handle) == State(phase=Phase.FAILED, code=-9)
    until(lambda: gone(grandchild))


def test_the_children_of_a_dead_job_are_ended(start, tmp_path):
    launcher, handle = start("wait")
    grandchild = seen(tmp_path)["grandchild"]
    os.kill(Handle.model_validate_json(handle).pid, signal.SIGKILL)
    ended(launcher, handle)
    assert not gone(grandchild)
    launcher.cancel(handle)
    until(lambda: gone(grandchild))


def test_a_recycled_process_id_is_another_process(start, tmp_path):
    launcher, handle = start("wait")
    seen(tmp_path)
    older = Handle.model_validate_json(handle).model_copy(update={"started": time.time() - 3600})
    stranger = at(tmp_path, grace=0.1)
    assert stranger.poll(older.model_dump_json()).phase is Phase.FAILED
    stranger.cancel(older.model_dump_json())
    assert launcher.poll(handle).phase is Phase.RUNNING


def test_what_cannot_be_started_says_so(start, tmp_path):
    _, handle = start("now")
    assert Handle.model_validate_json(handle).output == str(tmp_path / "v1")
    question = Question(name="q", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="a"),))
    task = Task("one", JobSpec(version="v2", question=question, data="now", output=str(tmp_path / "v2")))
    (tmp_path / "file").touch()
    with pytest.raises(InvalidJob, match="cannot be started"):
        LocalLauncher(str(tmp_path / "file")).submit([task])
    with pytest.raises(InvalidJob, match="cannot be started"):
        LocalLauncher(str(tmp_path), command=("/nonexistent",)).submit([task])


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_strays_are_ended_and_whoever_has_the_specification_open_is_not(tmp_path):
    spec, script = tmp_path / "one" / "spec.json", tmp_path / "job.py"
    script.write_text("import time; time.sleep(60)")
    launcher = LocalLauncher(str(tmp_path), command=(sys.executable, str(script)))
    stray = subprocess.Popen([sys.executable, str(script), str(spec)])
    editor = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(spec)])
    try:
        assert launcher.end_strays("another") == 0
        assert launcher.end_strays("one") == 1
        assert not psutil.pid_exists(stray.pid)
        assert editor.poll() is None
    finally:
        for process in (stray, editor):
            process.kill()
            process.wait()


def test_secrets_that_are_not_its_own_are_not_handed_on(start, tmp_path, monkeypatch):
    for name in ("LABELWHEEL_TOKEN", "LABELWHEEL_SECRET_KEY", "PGPASSWORD", "KEPT"):
        monkeypatch.setenv(name, "tell-nobody")
    start("now", withheld=("LABELWHEEL_", "PGPASSWORD"))
    found = seen(tmp_path)
    assert [found[name] for name in ("LABELWHEEL_TOKEN", "LABELWHEEL_SECRET_KEY", "PGPASSWORD")] == [None] * 3
    assert found["KEPT"] == "tell-nobody"


def test_the_workers_own_launcher_withholds_the_services_secrets(monkeypatch):
    monkeypatch.setenv("LABELWHEEL_TOKEN", "tell-nobody-of-this")
    from labelwheel.backend.rounds import launchers
    from labelwheel.backend.settings import Settings

    environment = launchers.load(Settings())._environment(None, None)
    assert not [name for name in environment if name.startswith(("LABELWHEEL_", "PGPASSWORD"))]


TOGETHER = """
import json, pathlib, sys, time
for each in sys.argv[1:]:
    spec, place = json.loads(open(each).read()), pathlib.Path(each).parent
    while not (place / "go").exists():
        time.sleep(0.02)
    heard = json.loads((place / "progress.json").read_text())
    (place / "heard").write_text(heard["url"] + " " + open(heard["token_file"]).read())
    output = pathlib.Path(spec["output"])
    output.mkdir()
    (output / "labelwheel.json").write_text("{}")
"""


def test_several_specs_are_one_job_with_a_token_for_each(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(TOGETHER)
    question = Question(name="q", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="a"),))
    tasks = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        spec = JobSpec(version=name, question=question, data="d", output=str(tmp_path / name / "out"))
        tasks.append(Task(name, spec, f"http://127.0.0.1:1/{name}", f"secret of {name}"))
    launcher = LocalLauncher(str(tmp_path), command=(sys.executable, str(script)), grace=0.5)
    handle = launcher.submit(tasks)
    try:
        assert "secret" not in handle.replace("secrets", "").replace('"secret"', "")
        assert (tmp_path / "one" / "progress.json").stat().st_mode & 0o077 == 0
        assert [path.stat().st_mode & 0o077 for path in tmp_path.rglob("*.token")] == [0, 0]
        (tmp_path / "one" / "go").touch()
        until((tmp_path / "one" / "out" / "labelwheel.json").exists)
        assert launcher.poll(handle).phase is Phase.RUNNING, "it is done when all are"
        (tmp_path / "two" / "go").touch()
        assert ended(launcher, handle) == State(phase=Phase.SUCCEEDED)
        assert LocalLauncher(str(tmp_path)).poll(handle).phase is Phase.SUCCEEDED, (
            "the next worker sees it by what is there"
        )
        (tmp_path / "two" / "out" / "labelwheel.json").unlink()
        assert LocalLauncher(str(tmp_path)).poll(handle).phase is Phase.FAILED
    finally:
        launcher.cancel(handle)
    for name in ("one", "two"):
        assert (tmp_path / name / "heard").read_text() == f"http://127.0.0.1:1/{name} secret of {name}"
    assert not list(tmp_path.rglob("*.token"))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_stray_on_several_specs_is_known_by_any_of_them(tmp_path, place):
    script = tmp_path / "job.py"
    script.write_text("import time; time.sleep(60)")
    specs = [tmp_path / str(number) / "spec.json" for number in range(3)]
    launcher = LocalLauncher(str(tmp_path), command=(sys.executable, str(script)))
    stray = subprocess.Popen([sys.executable, str(script), *map(str, specs)])
    try:
        assert launcher.end_strays("another") == 0
        assert launcher.end_strays(str(place)) == 1
    finally:
        stray.kill()
        stray.wait()


def test_a_handle_of_an_earlier_version_is_still_read(start, tmp_path):
    _, handle = start("wait")
    seen(tmp_path)
    old = {name: value for name, value in json.loads(handle).items() if not name.startswith("other")}
    assert LocalLauncher(str(tmp_path)).poll(json.dumps(old)).phase is Phase.RUNNING
