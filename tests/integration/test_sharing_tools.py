"""A Label Studio project and an Argilla dataset that ask the same share one champion, on the real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testkit import argilla_stage, truth
from testkit.argilla import ArgillaServer
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.stage import Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]

TEXTS = 60
OURS, THEIRS = range(40), range(20, 50)
"""Which of the same texts are labelled in Label Studio, and which in Argilla: some of them in both."""


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(environment=quick) as wheel:
        yield wheel


def test_labels_of_both_tools_train_one_champion(
    studio: LabelStudioServer, argilla: ArgillaServer, wheel: LabelwheelServer
) -> None:
    project = Stage(studio, wheel, tasks=TEXTS, labelled=len(OURS))
    dataset = argilla_stage.Stage(argilla, wheel, "shared", TEXTS, share_with=project.number)
    dataset.label(THEIRS)
    dataset.agreed()
    learnt = project.state()["questions"][0]
    assert learnt["champion"]["version"] == dataset.state()["questions"][0]["champion"]["version"]

    asked = wheel.call("POST", f"/api/v1/projects/{dataset.number}/questions/topic/train")
    ended = project.ended(int(asked.json()["id"]))
    assert ended["state"] == "promoted", ended["reason"]
    assert ended["label_count"] == len({*OURS, *THEIRS}), "a text that was labelled in both is one example"

    version = dataset.backfilled()
    assert version in {one["agent"] for one in dataset.suggested("topic").values()}
    project.backfilled()
    truth.wait_until_shown(wheel, studio, project.project, project.state()["version"]["current"])
    champions = {each.state()["questions"][0]["champion"]["version"] for each in (project, dataset)}
    assert champions == {ended["version"]}

    sides: dict[str, set[str]] = {}
    for row in truth.rows(wheel, "SELECT fields, part FROM examples"):
        sides.setdefault(row["fields"], set()).add(row["part"])
    assert len(sides) == TEXTS
    assert all(len(parts) == 1 for parts in sides.values()), "the same text is on one side in both"

    gone = wheel.run("disconnect", "--project", str(project.number))
    assert gone.returncode == 0, gone.stderr
    # of labels that the champion knows already another round could learn nothing new, and is refused
    dataset.label(range(len({*OURS, *THEIRS}), TEXTS))
    dataset.agreed()
    asked = wheel.call("POST", f"/api/v1/projects/{dataset.number}/questions/topic/train")
    alone = project.ended(int(asked.json()["id"]))
    assert alone["label_count"] == TEXTS, "labels of a project that left go on training"
    assert alone["state"] in ("promoted", "rejected"), alone["reason"]
