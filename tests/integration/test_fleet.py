"""Several web processes behind one address, two workers, PostgreSQL and S3: killed in turn, added and taken away.

Thirty-two clients ask all the time. Each of their answers is computed again, none may be of an earlier version than one
that anybody had got before it was asked, and none may fail but those that a killed process had in hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from testkit import truth
from testkit.fleet import Fleet
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.load import Answer, Checker, Load, swap_back_and_forth
from testkit.server import PATIENCE, answers
from testkit.stage import ENOUGH, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]

CLIENTS = 32
LEFT_SECONDS = 1.0
"""So long after a kill the proxy may still send something to that address: it looks four times a second."""


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


def checked(stage: Stage, answers: list[Answer], kills: list[float]) -> dict[str, int]:
    """Fails where an answer is wrong, mixed or older than one before; how many failed with a killed process."""
    checker = Checker(stage)
    lost = [one for one in answers if one.error and any(_in_hand(one, kill) for kill in kills)]
    kept = [one for one in answers if one not in lost]
    found = checker.check(kept)
    assert {kind: found[kind] for kind in ("failed", "incomplete", "mixed", "stale", "wrong")} == {
        "failed": 0, "incomplete": 0, "mixed": 0, "stale": 0, "wrong": 0
    }, f"{found}\n{stage.wheel.tail()}"  # fmt: skip
    assert checker.went_back(answers) == []
    return {"answers": len(answers), "lost": len(lost), "versions": found["versions"]}


def _in_hand(answer: Answer, kill: float) -> bool:
    return answer.began - answer.setup_seconds < kill + LEFT_SECONDS and answer.began + answer.seconds > kill


def serving(stage: Stage, fleet: Fleet) -> int:
    """How many web processes are ready, and report that they serve what is wanted."""
    status, current = stage.wheel.status(), stage.state()["version"]["current"]
    reported = {each["name"].rpartition(":")[2]: each["serving"].get(str(stage.number)) for each in status["servers"]}
    return sum(
        reported.get(str(web.port)) == current and answers(f"{web.url}/ready") for web in fleet.webs if web.running
    )


def all_serve(stage: Stage, fleet: Fleet) -> None:
    stage.wheel.until(lambda: serving(stage, fleet) == len(fleet.webs), PATIENCE, "not every process serves")


def test_from_one_to_four_and_back_under_load(stage: Stage, fleet: Fleet) -> None:
    versions = _versions(stage)
    others = fleet.webs[1:]
    with Load(stage, CLIENTS, pause=0.05) as load:
        for web in others:
            web.start()
        all_serve(stage, fleet)
        swap_back_and_forth(stage, versions, 2, 0.5)
        for web in others:
            fleet.take_away(web)
        assert serving(stage, fleet) == 1, "who leaves is not waited for"
        swap_back_and_forth(stage, versions, 1, 0.5)
    found = checked(stage, load.answers, [])
    assert found["answers"] > 100
    assert found["versions"] >= 4
    stage.converged()


def test_whoever_is_killed_nothing_is_lost_mixed_or_goes_back(stage: Stage, fleet: Fleet) -> None:
    for web in fleet.webs[1:]:
        if not web.running:
            fleet.bring_back(web)
    all_serve(stage, fleet)
    versions, kills = _versions(stage), list[float]()
    with Load(stage, CLIENTS, pause=0.05) as load:
        for place, web in enumerate(fleet.webs):
            stage.label(2)
            _roll(stage, fleet.webs[place - 1], versions)
            _kill(web, "web", kills)
            stage.wheel.until(
                lambda: serving(stage, fleet) == len(fleet.webs), PATIENCE, "the killed one does not serve"
            )
        for worker in fleet.workers:
            number = stage.order()
            stage.wheel.until(lambda: stage.wheel.processes("job"), PATIENCE, "no job came")
            stage.label(2)
            _kill(worker, "worker", kills)
            assert stage.ended(number)["state"] == "promoted"
        number = stage.order()
        stage.wheel.until(lambda: stage.wheel.processes("job"), PATIENCE, "no job came")
        stage.wheel.kill("job")
        assert stage.ended(number)["state"] == "promoted"
    found = checked(stage, load.answers, kills)
    assert found["versions"] >= len(fleet.webs) + len(fleet.workers) + 1
    assert found["lost"] < found["answers"] / 20, "what a killed process had in hand is little"
    stage.converged()
    assert truth.labelled(stage.studio, stage.project), "there is something to compare"


def _kill(server: LabelwheelServer, role: str, kills: list[float]) -> None:
    assert server.kill(role), f"no {role} on {server.port}"
    kills.append(time.monotonic())


def _roll(stage: Stage, web: LabelwheelServer, versions: list[str]) -> None:
    """A promotion, ordered by way of a process that lives."""
    path = f"/api/v1/projects/{stage.number}/questions/topic/checkpoints"
    champion = next(each["version"] for each in web.call("GET", path).json()["checkpoints"] if each["champion"])
    other = versions[(versions.index(champion) + 1) % len(versions)]
    answer = web.call("POST", path.replace("checkpoints", "rollback"), json={"version": other})
    assert answer.ok, answer.text


def _versions(stage: Stage) -> list[str]:
    query = "SELECT version FROM checkpoints WHERE NOT removed ORDER BY id"
    return [row["version"] for row in truth.rows(stage.wheel, query)]
