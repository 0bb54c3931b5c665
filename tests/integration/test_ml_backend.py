"""label-studio-ml both ways, against the real Label Studio: its server with our answers, and its models in our rounds.

label-studio-ml itself is only in its git repository; `testkit.ml_stand_in` has the smallest thing with its interface.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit import ml_stand_in
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.ml_server import MlServer, python_path
from testkit.stage import ENOUGH, TOPICS, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]

OURS = "labelwheel.plugins.label_studio.ml_backend:LabelwheelModel"
THEIRS = f"{ml_stand_in.FOLDER / 'tiny_counts.py'}:TinyCounts"
NAME = "TinyCounts of tiny_counts.py"
PLENTY = 320
"""Labels from which it is right more often than the names of the labels, and than what else a round tries."""


def predictions(stage: Stage, task: int) -> list[dict[str, Any]]:
    """What a person sees who opens a task: Label Studio asks the ML backend where it has nothing."""
    return list(stage.studio.task(task)["predictions"])


def forget(stage: Stage, task: int) -> None:
    """Takes what was filled in out of Label Studio, which then asks the ML backend itself."""
    for one in predictions(stage, task):
        stage.studio.api("DELETE", f"/api/predictions/{one['id']}/")


def test_who_keeps_the_server_has_our_answers(studio: LabelStudioServer, quick: dict[str, str]) -> None:
    with (
        LabelwheelServer(environment=quick) as wheel,
        MlServer(OURS, {"LABELWHEEL_URL": wheel.url}) as server,
    ):
        stage = Stage(studio, wheel, tasks=ENOUGH + 10, labelled=ENOUGH, backend_url=server.url)
        (backend,) = studio.api("GET", "/api/ml", params={"project": stage.project})
        assert (backend["url"], backend["state"]) == (server.url, "CO"), "connected, with the secret that it hands on"
        stage.backfilled()
        task, asked = stage.unlabelled[-1], server.asked("/predict")
        forget(stage, task)
        (shown,) = predictions(stage, task)
        assert server.asked("/predict") > asked, "it came by this server"
        first = stage.state()["version"]["current"]
        assert shown["model_version"] == first
        assert shown["result"][0]["value"]["choices"][0] in TOPICS

        stage.promoted()
        stage.backfilled()
        forget(stage, task)
        (shown,) = predictions(stage, task)
        assert shown["model_version"] == stage.state()["version"]["current"] != first

        told = server.asked("/webhook")
        studio.api("POST", f"/api/ml/{backend['id']}/train", json={})
        assert server.asked("/webhook") == told + 1
        assert "train, asked for in label-studio project" in wheel.run("audit").stdout
        stage.label(2)
        stage.converged()
        log = server.log.read_text(errors="replace").splitlines()
        assert [line for line in log if line.startswith("labelwheel.")] == [], "no request of Label Studio's failed"


@pytest.fixture
def mischief(tmp_path: Path) -> Path:
    """The file that has the foreign model misbehave."""
    return tmp_path / "mischief"


@pytest.fixture
def stage(studio: LabelStudioServer, quick: dict[str, str], mischief: Path) -> Iterator[Stage]:
    """A project whose rounds try a model that was written for label-studio-ml.

    With the gate as it comes it is kept away on some splits: .36 and .23 right on 56 labels may be chance.
    """
    environment = {
        "LABELWHEEL_ML_BACKENDS": THEIRS, "LABELWHEEL_ML_BACKEND_SECONDS": "20", "LABELWHEEL_JOB_MINUTES": "3",
        "LABELWHEEL_ML_BACKEND_VARIABLES": "MISCHIEF", "MISCHIEF": str(mischief.parent), "PYTHONPATH": python_path(),
    }  # fmt: skip
    with LabelwheelServer(environment={**quick, **environment}) as wheel:
        yield Stage(studio, wheel, tasks=PLENTY + 20, labelled=PLENTY)


def said(stage: Stage, texts: list[str]) -> tuple[set[str], list[str]]:
    """The versions and the answers that Label Studio would get."""
    answer = stage.predict(texts)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert len(results) == len(texts)
    return {one["model_version"] for one in results}, [one["result"][0]["value"]["choices"][0] for one in results]


def by_itself(checkpoint: Path, texts: list[str]) -> list[str]:
    """What the model answers from the very file that it wrote, without labelwheel."""
    with tarfile.open(checkpoint / "foreign.tar") as archive:
        counts = archive.extractfile("counts.json")
        assert counts is not None
        code = "import json, sys; from tiny_counts import TinyCounts; counts, texts = json.load(sys.stdin)\n"
        code += "print(json.dumps([TinyCounts._best(counts, text.lower().split())[0] for text in texts]))"
        done = subprocess.run(
            [sys.executable, "-c", code], input=json.dumps([json.load(counts), texts]), text=True, check=True,
            capture_output=True, env={**os.environ, "PYTHONPATH": python_path()}, timeout=60,
        )  # fmt: skip
    found: list[str] = json.loads(done.stdout)
    return found


def trial(stage: Stage, row: dict[str, Any]) -> dict[str, Any]:
    """What became of the foreign model in a round, by its report in the log."""
    log = (stage.wheel.home / "jobs" / str(row["id"]) / "log").read_text(errors="replace")
    return {"given up": f"{NAME} was given up" in log, "log": log[-3000:]}


def test_a_foreign_model_is_trained_gated_swapped_and_shown_whatever_it_does(stage: Stage, mischief: Path) -> None:
    wheel = stage.wheel
    names = stage.state()["version"]["current"]
    row = stage.ended(stage.order())
    assert row["state"] == "promoted", f"{row['reason']}\n{wheel.tail()}"
    stage.converged()
    manifest = json.loads((wheel.home / "checkpoints" / row["version"] / "labelwheel.json").read_text())
    told = json.loads((wheel.home / "checkpoints" / row["version"] / "report.json").read_text())
    assert (manifest["recipe"], told["chosen"]) == ("foreign", NAME), told["trials"]
    assert manifest["foreign"]["attribute"] == "TinyCounts"
    version = stage.state()["version"]["current"]
    assert version != names
    stage.backfilled()
    shown = stage.studio.task(stage.unlabelled[0])["predictions"]
    assert [one["model_version"] for one in shown][-1:] == [version], "people see it"

    texts = [data["text"] for task, data in stage.data.items() if task in stage.unlabelled]
    versions, answers = said(stage, texts)
    assert answers == by_itself(wheel.home / "checkpoints" / row["version"], texts), "it is that model which answers"
    assert len(set(answers)) > 1

    # as it is served
    for number, how in enumerate(("crash", "hang")):
        mischief.write_text(f"predict {how}")
        fresh = [text + " " * (number + 1) for text in texts]  # what was answered before is remembered
        meanwhile, stood_in = said(stage, fresh)
        assert meanwhile == versions, "no answer fails, nor is of another version"
        assert set(stood_in) <= set(TOPICS)
        assert stage.studio.next_task(stage.project)["id"], "the label stream goes on"
        mischief.unlink()
        again = [f"  {text}" + " " * number for text in texts]
        wheel.until(lambda again=again: said(stage, again)[1] == answers, 120, "it did not come back")
    assert stage.state()["version"]["current"] == version

    # as it learns
    for how in ("crash", "hang"):
        mischief.write_text(f"fit {how}")
        row = stage.ended(stage.order())
        assert row["state"] in ("rejected", "promoted"), f"{row['reason']}\n{wheel.tail()}"
        found = trial(stage, row)
        assert found["given up"], found["log"]
        mischief.unlink()
        assert said(stage, texts)[1], "nobody who asks notices"

    # once more from the start, and back to it where another one was promoted meanwhile
    wheel.kill("web")
    stage.converged()
    assert said(stage, texts)[0] == {stage.state()["version"]["current"]}
