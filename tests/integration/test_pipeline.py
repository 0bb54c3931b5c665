"""The pipeline, whole, by kfp's local runner, against a labelwheel with a real labelling tool: what came of it is said,
what goes wrong is waited out or told, and one run is one round whatever happens to it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.pipelines import PipelineRun
from testkit.server import PATIENCE
from testkit.stage import ENOUGH, Stage, at_once

pytestmark = [pytest.mark.server, pytest.mark.slow]

Start = Callable[..., PipelineRun]


@pytest.fixture(scope="module")
def stage(studio: LabelStudioServer, quick: dict[str, str]) -> Iterator[Stage]:
    with LabelwheelServer(environment=quick) as wheel:
        yield Stage(studio, wheel, tasks=ENOUGH + 60, labelled=ENOUGH)


@pytest.fixture
def start(stage: Stage, tmp_path: Path) -> Iterator[Start]:
    """Starts a run; what a test leaves under way is ended."""
    runs: list[PipelineRun] = []

    def begin(token: str | None = None, **parameters: Any) -> PipelineRun:
        folder = tmp_path / f"run-{len(runs)}"
        folder.mkdir()
        where = {"url": stage.wheel.url, "project": stage.number, "question": "topic"}
        runs.append(PipelineRun(folder, token or stage.wheel.token, **where, **parameters))
        return runs[-1]

    yield begin
    for each in runs:
        each.kill()


def rounds(stage: Stage) -> list[dict[str, Any]]:
    """On labels, the oldest first."""
    return truth.rows(stage.wheel, "SELECT * FROM rounds WHERE recipe = 'auto' ORDER BY id")


def under_way(stage: Stage) -> dict[str, Any] | None:
    """The round that trains."""
    found = stage.state()["questions"][0]["round"]
    return found if found and found["state"] == "running" else None


@contextmanager
def held_still(stage: Stage) -> Iterator[None]:
    """A worker that does nothing for a while, and that holds no lock meanwhile for which the web process would wait."""
    (worker,) = stage.wheel.processes("worker")

    def suspended() -> bool:
        worker.suspend()
        try:
            with closing(sqlite3.connect(stage.wheel.home / "labelwheel.db", timeout=1)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()
        except sqlite3.OperationalError:
            worker.resume()
            return False
        return True

    try:
        stage.wheel.until(suspended, PATIENCE, "the worker was amid a transaction, each time")
        yield
    finally:
        worker.resume()


def test_a_run_exports_trains_evaluates_and_promotes(stage: Stage, start: Start) -> None:
    before = len(rounds(stage))
    run = start(tune_minutes=1.0)
    assert run.wait(2 * PATIENCE) == 0, run.tail()

    labels = run.outputs("export-labels")["labels"]
    written = labels["path"].read_bytes()
    assert labels["metadata"]["examples"] == ENOUGH == len(written.splitlines())
    assert labels["metadata"]["sha256"] == hashlib.sha256(written).hexdigest()
    assert labels["metadata"]["position"] >= ENOUGH
    assert json.loads(labels["metadata"]["question"])["name"] == "topic"
    assert {"example", "answer", "part"} <= set(json.loads(written.splitlines()[0]))

    told = stage.wheel.call("GET", f"/api/v1/projects/{stage.number}/questions/topic/tuning").json()["searches"]
    (search,) = told
    # on a busy machine a minute may be over before the defaults are measured
    assert search["state"] in ("done", "failed")
    assert run.outputs("tune")["Output"] == f"search {search['id']}: {search['reason']}"
    (found,) = rounds(stage)[before:]
    model = run.outputs("train")["model"]
    assert (model["metadata"]["round"], model["metadata"]["version"]) == (found["id"], found["version"])
    manifest = Path(model["metadata"]["place"]) / "labelwheel.json"
    assert model["metadata"]["manifest"] == hashlib.sha256(manifest.read_bytes()).hexdigest()

    measured = run.outputs("evaluate")
    assert measured["metrics"]["metadata"]["score"] == pytest.approx(found["score"])
    assert measured["metrics"]["metadata"]["labels"] == ENOUGH
    assert any(name.startswith("slice ") for name in measured["metrics"]["metadata"])
    assert found["version"] in measured["report"]["path"].read_text()

    assert run.outputs("gate")["verdict"] == "passed"
    assert run.outputs("promote")["outcome"] == "promoted"
    assert run.outputs("close")["Output"] == "nothing was left under way"
    assert found["state"] == "promoted"
    assert stage.state()["version"]["current"] == run.outputs("promote")["serves"]
    assert stage.state()["questions"][0]["champion"]["version"] == found["version"]
    stage.converged()


def test_a_labelwheel_that_is_away_for_a_while_is_waited_for(stage: Stage, start: Start) -> None:
    stage.label(3)
    before = len(rounds(stage))
    run = start()
    at_once(lambda: under_way(stage), "a round")
    stage.wheel.stop()
    time.sleep(10)
    stage.wheel.start()
    assert run.wait() == 0, run.tail()
    assert run.said("waiting: no labelwheel answers"), run.tail()
    assert len(rounds(stage)) == before + 1
    assert run.outputs("promote")["outcome"] == "promoted"
    stage.converged()


def test_a_run_that_is_killed_and_tried_again_goes_on_with_its_round(stage: Stage, start: Start) -> None:
    stage.label(3)
    first = start(run="nightly-1")
    ordered = at_once(lambda: under_way(stage), "a round")
    first.kill()
    again = start(run="nightly-1")
    assert again.wait() == 0, again.tail()
    assert again.outputs("train")["Output"] == ordered["id"]
    assert again.outputs("promote")["outcome"] == "promoted"
    assert [each["id"] for each in rounds(stage) if each["id"] >= ordered["id"]] == [ordered["id"]]
    stage.converged()


def test_a_run_that_takes_too_long_says_so_and_leaves_nothing_under_way(stage: Stage, start: Start) -> None:
    stage.label(3)
    with held_still(stage):  # else a quick machine's round is over before the step is tried again
        run = start(wait_minutes=0.02)
        assert run.wait() != 0, run.tail()
    assert run.said("give `wait_minutes` more"), run.tail()
    assert run.outputs("close")["Output"].startswith("ended round ")
    assert not run.began("promote")
    assert "the run of a pipeline" in rounds(stage)[-1]["reason"]
    stage.converged()


def test_a_wrong_token_is_told_with_where_it_comes_from(stage: Stage, start: Start) -> None:
    run = start(token="not-the-token")
    assert run.wait() != 0
    assert run.said("Unauthorized: labelwheel at http://127.0.0.1"), run.tail()
    assert run.said("the secret that the pipeline's parameter `secret` names, key `token`"), run.tail()
    assert not run.began("train")


def test_what_the_gate_rejects_is_the_outcome_or_a_failure_as_asked(stage: Stage, start: Start) -> None:
    stage.wheel.stop()
    for name in ("MARGIN", "FLOOR"):  # the champion has to be beaten from here on
        stage.wheel.environment[f"LABELWHEEL_GATE_{name}"] = "0"
    stage.wheel.start()
    stage.label(3)
    champion = stage.state()["questions"][0]["champion"]["version"]
    run = start(run="strict")
    assert run.wait() == 0, run.tail()
    assert run.outputs("gate")["verdict"] == run.outputs("promote")["outcome"] == "rejected"
    assert "labels" in run.outputs("evaluate")["metrics"]["metadata"]
    assert "champion_score" in run.outputs("evaluate")["metrics"]["metadata"]
    number = run.outputs("train")["Output"]
    assert stage.round(number)["state"] == "rejected"

    strict = start(run="strict", must_pass=True)
    assert strict.wait() != 0
    assert strict.said(f"the gate rejected {stage.round(number)['version']}"), strict.tail()
    assert strict.outputs("train")["Output"] == number == rounds(stage)[-1]["id"], "of one run there is one round"
    assert not strict.began("promote")
    assert stage.state()["questions"][0]["champion"]["version"] == champion
    stage.converged()
