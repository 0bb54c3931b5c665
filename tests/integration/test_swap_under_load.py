"""Promotions while clients keep asking: no answer fails, mixes versions, or is older than what was announced."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.load import Checker, Load, served, swap_back_and_forth
from testkit.stage import ENOUGH, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]

FAULTS = ("failed", "incomplete", "mixed", "stale", "wrong")


@pytest.fixture(scope="module")
def stage(studio: LabelStudioServer, quick: dict[str, str]) -> Iterator[Stage]:
    # each promotion loads another encoder
    with LabelwheelServer(environment={**quick, "LABELWHEEL_FINE_TUNING": "true"}) as wheel:
        stage = Stage(studio, wheel, tasks=ENOUGH + 10, labelled=ENOUGH)
        stage.promoted()
        yield stage


def test_six_promotions_under_the_load_of_eight_clients(stage: Stage) -> None:
    names, trained = [row["version"] for row in truth.rows(stage.wheel, "SELECT version FROM checkpoints ORDER BY id")]
    with Load(stage, clients=8) as load:
        swap_back_and_forth(stage, [names, trained], times=5, pause=1.0)
        assert stage.ended(stage.order())["state"] == "promoted"  # a real round: a job trains beside the load
        stage.wheel.until(lambda: served(stage), 120, "the round's checkpoint was not served")
        before = len(load.answers)
        stage.wheel.until(lambda: len(load.answers) > before + 20, 120, "nobody asks any more")
    checker = Checker(stage)
    report = checker.check(load.answers)
    print(report)
    assert {fault: report[fault] for fault in FAULTS} == dict.fromkeys(FAULTS, 0), report["examples"]
    assert report["versions"] == 7
    assert report["answers"] > 100

    # the checker itself is no yes-man
    good = next(answer for answer in load.answers if len(answer.texts) > 1)
    first, *rest = good.results
    mine, latest = first["model_version"], list(checker.order)[-1]
    other = next(version for version in checker.order if checker.members[version] != checker.members[mine])
    lies = [{**one, "model_version": other} for one in good.results]
    assert checker.check([dataclasses.replace(good, announced=latest)])["stale"] == (mine != latest)
    assert checker.check([dataclasses.replace(good, results=[lies[0], *rest])])["mixed"] == 1
    assert checker.check([dataclasses.replace(good, announced=other, results=lies)])["wrong"] == 1
    assert checker.check([dataclasses.replace(good, results=rest)])["incomplete"] == 1
    stage.converged()
