"""Suggestions that follow each label, on the real tools: the next task and the next records are of the revision."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
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


def answered(wheel: LabelwheelServer, folder: Path, texts: list[str], *arguments: str) -> list[str | None]:
    """What `labelwheel predict` says of some texts."""
    folder.mkdir(exist_ok=True)
    source, out = folder / "in.jsonl", folder / "out.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    done = wheel.run("predict", str(source), "--out", str(out), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line)["predictions"] for line in out.read_text().splitlines()]
    return [answer["answer"] for row in rows for answer in row.values()]


def head(stage: Stage) -> str:
    """The version of the one that answers."""
    return str(stage.state()["questions"][0]["head"]["version"])


def test_the_next_task_in_label_studio_has_the_newest_head(wheel: LabelwheelServer, tmp_path: Path) -> None:
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
        # what is taken away answers as people are shown it, and not as the champion beside it
        wheel.until(lambda: head(stage) == (time.sleep(3) or head(stage)), PATIENCE, "newer heads come and come")
        texts = [stage.data[task]["text"] for task in stage.unlabelled[-60:]]
        shown = [one["result"] for one in stage.predict(texts).json()["results"]]
        seen = [place for place, result in enumerate(shown) if result]  # the others are blind
        said = {place: shown[place][0]["value"]["choices"][0] for place in seen}
        exported = wheel.run("export", "--out", str(tmp_path / "exported"))
        assert exported.returncode == 0, exported.stderr
        ways = [[], ["--champion"], ["--checkpoint", str(tmp_path / "exported")]]
        told = [answered(wheel, tmp_path / str(place), texts, *way) for place, way in enumerate(ways)]
        alike = [np.mean([each[place] == said[place] for place in seen]) for each in told]
        assert len(seen) > 40
        assert alike[0] == 1.0
        assert alike[1] < 0.95
        assert alike[2] > 0.95, "it is in fp32, and what serves in int8"


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
