"""Several web processes behind one address, two workers, PostgreSQL and S3: killed in turn, added and taken away.

Thirty-two clients ask all the time. Each of their answers is computed again, none may be of an earlier version than one
that anybody had got before it was asked, and none may fail but those that a killed process had in hand. All processes
in turn, and twenty promotions: `make bench-fleet-kills`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testkit.fleet import Fleet
from testkit.fleet_faults import FAULTS, Faults
from testkit.label_studio import LabelStudioServer
from testkit.load import Load
from testkit.server import PATIENCE
from testkit.stage import ENOUGH, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]

CLIENTS = 32
PAUSE = 0.4  # seconds: others test beside this, and are to get their turn


@pytest.fixture(scope="module")
def fleet(quick: dict[str, str]) -> Iterator[Fleet]:
    environment = {**quick, "LABELWHEEL_KEEP_CHECKPOINTS": "10", "LABELWHEEL_SERVING_THREADS": "1"}
    with Fleet(webs=4, workers=2, environment=environment, started=1) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def stage(studio: LabelStudioServer, fleet: Fleet) -> Stage:
    stage = Stage(studio, fleet.front, tasks=ENOUGH + 60, labelled=ENOUGH)
    stage.promoted()
    stage.promoted()
    return stage


def test_from_one_to_four_and_back_under_load(stage: Stage, fleet: Fleet) -> None:
    faults, others = Faults(stage, fleet), fleet.webs[1:]
    with Load(stage, CLIENTS, PAUSE) as load:
        for web in others:
            web.start()
        faults.all_serve()
        for _ in range(2):
            faults.promote(fleet.webs[0])
            faults.all_serve()
        for web in others:
            fleet.take_away(web)
        assert faults.serving == 1, "who leaves is not waited for"
        faults.promote(fleet.webs[0])
        stage.wheel.until(lambda: faults.serving == 1, PATIENCE, "it is not served")
    found = faults.checked(load.answers)
    assert {kind: found[kind] for kind in FAULTS} == dict.fromkeys(FAULTS, 0), f"{found}\n{stage.wheel.tail()}"
    assert found["answers"] > 100
    assert found["versions"] >= 4
    faults.compared()


def test_whoever_is_killed_nothing_is_lost_mixed_or_goes_back(stage: Stage, fleet: Fleet) -> None:
    for web in fleet.webs[1:]:
        if not web.running:
            fleet.bring_back(web)
    faults = Faults(stage, fleet)
    faults.all_serve()
    with Load(stage, CLIENTS, PAUSE) as load:
        for place, web in enumerate(fleet.webs[:2]):
            stage.label(2)
            faults.promote(fleet.webs[place - 1])
            faults.kill(web, "web")
            faults.all_serve()
        stage.label(2)
        faults.round(fleet.workers[0])
        faults.all_serve()
    found = faults.checked(load.answers)
    assert {kind: found[kind] for kind in FAULTS} == dict.fromkeys(FAULTS, 0), f"{found}\n{stage.wheel.tail()}"
    assert found["versions"] >= 4
    assert found["lost"] < found["answers"] / 20, "what a killed process had in hand is little"
    assert faults.compared() >= ENOUGH + 6
