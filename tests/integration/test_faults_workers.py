"""Two workers that were started by mistake: one works, the other waits, and takes over when it has to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from testkit.stage import ENOUGH, Stage, kill

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def stage(studio: LabelStudioServer, quick: dict[str, str]) -> Iterator[Stage]:
    with LabelwheelServer(environment=quick) as wheel:
        stage = Stage(studio, wheel, tasks=ENOUGH + 20, labelled=ENOUGH)
        yield stage


@pytest.fixture
def second(stage: Stage, tmp_path: Path) -> Iterator[psutil.Popen]:
    """One more worker on the same home; its log is at `second.log`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LABELWHEEL_")}
    own = {
        "LABELWHEEL_HOME": str(stage.wheel.home),
        "LABELWHEEL_TOKEN": stage.wheel.token,
        "LABELWHEEL_URL": stage.wheel.url,
    }
    with (tmp_path / "second.log").open("wb") as log:
        worker = psutil.Popen(
            [sys.executable, "-m", "labelwheel.backend.worker"], env={**inherited, **stage.wheel.environment, **own},
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    yield worker
    worker.kill()
    worker.wait(20)


def test_the_second_waits_says_so_and_takes_over_from_a_killed_one(
    stage: Stage, second: psutil.Popen, tmp_path: Path
) -> None:
    log = tmp_path / "second.log"
    stage.wheel.until(lambda: "another worker is running" in log.read_text(), PATIENCE, "the second said nothing")
    (first,) = [process for process in stage.wheel.processes("worker") if process.pid != second.pid]

    stage.label(3)
    number = stage.order()
    assert stage.ended(number)["state"] == "promoted"
    stage.converged()
    assert f":{first.pid}:" in stage.round(number)["owner"]

    number = stage.order()
    stage.wheel.until(lambda: stage.wheel.processes("job"), PATIENCE, "no job came")
    kill([first])  # the supervisor starts one again: now two wait for the lease
    stage.label(3)
    assert stage.ended(number)["state"] == "promoted"
    stage.converged()
    rounds = truth.rows(stage.wheel, "SELECT * FROM rounds")
    assert len(stage.decisions("started")) == len(rounds)
    assert stage.round(number)["attempts"] == 1, "the job of the killed worker was not taken over"

    others = [process for process in stage.wheel.processes("worker") if process.pid not in (first.pid, second.pid)]
    assert len(others) == 1
    assert second.is_running(), log.read_text()
    assert log.read_text().count("another worker is running") <= 2, "it says the same again and again"


def test_a_second_service_on_the_same_home_is_refused(stage: Stage) -> None:
    refused = stage.wheel.run("serve", "--port", "0", "--home", str(stage.wheel.home), timeout=PATIENCE)
    assert refused.returncode != 0
    assert "is running" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert stage.wheel.call("GET", "/health").ok
