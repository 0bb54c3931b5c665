"""An inspection: every section in its turn, each by itself, and none twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from labelwheel.training.errors import InvalidCheckpoint, InvalidJob
from labelwheel.training.inspection import process
from labelwheel.training.inspection.files import done
from labelwheel.training.inspection.spec import InspectionSpec
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.job import execute, read_rows
from labelwheel.training.spec import JobSpec, Part
from tests.training.models import choice, rows, tiny_bert


class Counting:
    """Says how much there is, and how often it was asked."""

    name = "counting"
    asked = 0

    def look(self, subject: Subject) -> dict[str, Any]:
        self.asked += 1
        return {
            "rows": len(subject.rows),
            "measured": len(subject.measured),
            "answered": sum(one.answer is not None for one in subject.predictions),
            "score": subject.kind.headline(subject.scores),
            "features": len(subject.frozen.features),
            "groups": list(subject.groups),
        }

    def render(self, found: Mapping[str, Any]) -> str:
        return f"## Counting\n\n{found['rows']} rows"


class Broken(Counting):
    name = "broken"

    def look(self, subject: Subject) -> dict[str, Any]:
        raise ZeroDivisionError("nothing to divide by")


class Silent(Counting):
    name = "silent"

    def look(self, subject: Subject) -> dict[str, Any]:
        return {}

    def render(self, found: Mapping[str, Any]) -> str:
        raise AssertionError("there is nothing to say")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> InspectionSpec:
    """A checkpoint that has learnt from 24 rows, with 12 held out."""
    folder = tmp_path_factory.mktemp("inspected")
    data = folder / "data.jsonl"
    known = [*rows(2), *rows(1, Part.HELD_OUT)]
    data.write_text("\n".join(row.model_dump_json() for row in known), "utf-8")
    base = str(tiny_bert(folder / "base"))
    spec = JobSpec(
        version="v1", question=choice(), data=str(data), output=str(folder / "v1"), base_model=base,
        fine_tuning=False, artefact=False,
    )  # fmt: skip
    execute(spec, read_rows(data, spec.question))
    return InspectionSpec(
        version="v1", question=choice(), checkpoint=spec.output, data=str(data), output=str(folder / "none"),
        base_model=base, groups=("source",),
    )  # fmt: skip


def at(made: InspectionSpec, place: Path, **changes: Any) -> InspectionSpec:
    return made.model_copy(update={"output": str(place / "found"), **changes})


def test_each_section_leaves_what_it_found_and_one_that_fails_stops_no_other(
    made: InspectionSpec, tmp_path: Path
) -> None:
    spec = at(made, tmp_path)
    process.run(spec, (Broken(), Counting(), Silent()))
    found = done(Path(spec.output))
    assert found["broken"] == {"place": 0, "problem": "ZeroDivisionError: nothing to divide by"}
    counting = found["counting"]
    assert counting.pop("seconds") >= 0
    assert 0 <= counting["found"].pop("score") <= 1
    assert counting == {
        "place": 1, "text": "## Counting\n\n36 rows",
        "found": {"rows": 36, "measured": 12, "answered": 12, "features": 36, "groups": ["source"]},
    }  # fmt: skip
    assert (found["silent"]["found"], found["silent"]["text"]) == ({}, "")


def test_how_the_checkpoint_was_learnt_is_in_its_report(made: InspectionSpec, tmp_path: Path) -> None:
    report = json.loads((Path(made.checkpoint) / "report.json").read_bytes())
    learnt = process.subject(made).learnt
    assert learnt is not None
    assert (learnt.strategy, learnt.base_model) == ("regression on the frozen encoder", made.base_model)
    assert learnt.seconds == next(each["seconds"] for each in report["trials"] if each["name"] == report["chosen"])
    for number, said in enumerate(("", "[]", '{"trials": []}', json.dumps(report | {"chosen": "nobody"}))):
        (tmp_path / f"{number}.json").write_text(said)
        assert process._learnt(tmp_path / f"{number}.json") is None
    assert process._learnt(tmp_path / "nowhere.json") is None


def test_what_is_done_is_not_done_again(made: InspectionSpec, tmp_path: Path) -> None:
    spec, first, second = at(made, tmp_path), Counting(), Counting()
    second.name = "second"
    process.run(spec, (first,))
    process.run(spec, (first, second))
    assert (first.asked, second.asked) == (1, 1)
    assert set(done(Path(spec.output))) == {"counting", "second"}


def test_when_the_time_is_over_the_rest_is_said_to_be_missing(made: InspectionSpec, tmp_path: Path) -> None:
    spec = at(made, tmp_path, max_minutes=1e-9)
    first, second = Counting(), Counting()
    second.name = "second"
    process.run(spec, (first, second))
    found = done(Path(spec.output))
    assert found["counting"]["found"]["rows"] == 36
    assert found["second"] == {"place": 1, "problem": process.NO_TIME}


def test_what_cannot_be_inspected_is_refused(made: InspectionSpec, tmp_path: Path) -> None:
    with pytest.raises(InvalidCheckpoint):
        process.run(at(made, tmp_path, checkpoint=str(tmp_path / "nowhere")), (Counting(),))
    with pytest.raises(InvalidJob, match="cannot be read"):
        process.read(tmp_path / "nowhere.json")
    (tmp_path / "spec.json").write_text("{}")
    with pytest.raises(InvalidJob, match="version"):
        process.read(tmp_path / "spec.json")


def test_files_that_are_no_parts_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"found": ')
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "note.txt").write_text("hello")
    assert done(tmp_path) == {}
    assert done(tmp_path / "nowhere") == {}


def test_as_a_process_of_its_own(made: InspectionSpec, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(at(made, tmp_path).model_dump_json(), "utf-8")
    command = [sys.executable, "-m", "labelwheel.training.inspection"]
    ended = subprocess.run([*command, str(spec)], capture_output=True, text=True, timeout=300, env=os.environ)
    assert ended.returncode == 0, ended.stderr
    for path in (tmp_path / "found").glob("*.json"):
        assert "problem" not in json.loads(path.read_text("utf-8"))
    ended = subprocess.run([*command, "nowhere.json"], capture_output=True, text=True, timeout=60, env=os.environ)
    assert ended.returncode == 3
    assert ended.stderr.strip().startswith("the specification nowhere.json cannot be read")
