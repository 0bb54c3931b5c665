"""Suggestions that follow each label, on the real tools: the next task and the next records are of the revision."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testkit import truth
from testkit.argilla import ArgillaServer
from testkit.argilla_stage import Stage as Dataset
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from testkit.stage import Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]

LABELS = 80


@pytest.fixture
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    """With an encoder that knows English, and no round that begins by itself."""
    environment = {name: value for name, value in quick.items() if name != "LABELWHEEL_BASE_MODEL"}
    with LabelwheelServer(environment={**environment, "LABELWHEEL_FAST_LANE": "true"}) as wheel:
        yield wheel


def test_the_next_task_in_label_studio_has_the_newest_head(wheel: LabelwheelServer) -> None:
    with LabelStudioServer() as studio:
        stage = Stage(studio, wheel)
        first = stage.state()["version"]["current"]
        stage.label(LABELS)

        def revision() -> str | None:
            found = stage.state()["version"]["revision"]
            return str(found) if found else None

        before = wheel.until(revision, PATIENCE, "no revision came")
        assert truth.generation_of(before) == first
        assert [each["kind"] for each in stage.decisions("revised")] == ["revised"]
        stage.label(1)
        wheel.until(lambda: revision() not in (None, before), PATIENCE, "the next label brought no other revision")
        stage.converged()  # the tool was told nothing: title and project are the generation's
        served = wheel.call("POST", "/setup", json={"project": stage.reference}).json()["model_version"]
        task = studio.next_task(stage.project)
        [shown] = [one for one in task["predictions"] if one["model_version"] == served]
        assert shown["result"][0]["value"]["choices"]
        # what people submit is traced to it, and counts for its generation
        studio.submit(task["id"], shown["result"], parent_prediction=shown["id"])
        wheel.until(
            lambda: truth.rows(wheel, "SELECT * FROM labels WHERE version = ?", served), PATIENCE, "nobody traced it"
        )
        assert [line["version"] for line in stage.state()["acceptance"] if line["version"]] == [first]


def test_the_next_records_in_argilla_have_the_newest_head(argilla: ArgillaServer, wheel: LabelwheelServer) -> None:
    stage = Dataset(argilla, wheel, "following", 160)
    first = stage.backfilled()
    stage.label(range(LABELS))

    def agents() -> set[str]:
        pending = {record["id"] for record in stage.records() if record["status"] == "pending"}
        return {one["agent"] for key, one in stage.suggested("topic").items() if key in pending}

    wheel.until(lambda: any(name.startswith(f"{first}.") for name in agents()), PATIENCE, "no record has the revision")
    assert {truth.generation_of(name) for name in agents()} == {first}
    assert stage.state()["version"]["announced"] == first
