"""What a checkpoint's foreign model answers, and what happens where it does not."""

from __future__ import annotations

import gc
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.foreign import answers as module
from labelwheel.training.foreign import folder as folders
from labelwheel.training.foreign import model as foreign_models
from labelwheel.training.foreign.answers import ForeignAnswers
from labelwheel.training.foreign.entry import ForeignEntry
from tests.training.foreign.conftest import Make
from tests.training.models import choice, example

RAIN, JAZZ, POISON = example("rain tomorrow"), example("jazz again"), example("poison rain")


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """What a model has written that has learnt two words."""
    (tmp_path / "written").mkdir()
    (tmp_path / "written" / "memory.json").write_text(json.dumps({"words": {"rain": "weather", "jazz": "music"}}))
    (tmp_path / "content.tar").write_bytes(folders.pack(tmp_path / "written"))
    return tmp_path / "content.tar"


def said(answers: ForeignAnswers, *examples: object) -> list[str | None]:
    found = answers.predict(choice(), examples)  # type: ignore[arg-type]
    return [one and one.answer for one in found]


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_answers_from_what_was_packed_with_a_score_where_it_has_none(make: Make, content: Path) -> None:
    answers = ForeignAnswers(make(), choice(), content, unscored=0.7)
    answers.check([RAIN])
    found = answers.predict(choice(), [RAIN, JAZZ, example("nobody knows")])
    assert [(one.answer, one.score) for one in found if one] == [("weather", 0.7), ("music", 0.7), (None, 0.0)]


def test_only_what_fits_the_question_passes(make: Make, content: Path) -> None:
    answers = ForeignAnswers(make(predict="wild"), choice(), content)
    answers.check([RAIN])
    assert said(answers, RAIN, JAZZ) == [None, None]
    assert answers.problem is None, "it answered; what it said fits no question"


def test_what_crashes_is_started_again_while_nobody_waits(
    make: Make, content: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 1.0)
    answers = ForeignAnswers(make(), choice(), content)
    answers.check([RAIN])
    assert said(answers, POISON) == [None]
    assert "ended with 9 as it was to predict" in (answers.problem or "")
    assert said(answers, RAIN) == [None], "it is away, and nobody waits for it: else it would have answered"
    until(lambda: said(answers, RAIN) == ["weather"])
    assert answers.problem is None
    answers._held[0]._process.kill()
    answers._held[0]._process.wait()
    assert said(answers, RAIN) == [None]
    until(lambda: said(answers, RAIN) == ["weather"])
    assert "the regression answers meanwhile" in caplog.text


def test_what_goes_on_failing_is_tried_ever_more_seldom(
    make: Make, content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.1)
    caplog.set_level(logging.WARNING)
    works = tmp_path / "works"
    works.touch()
    model = make({"seconds": 0.5}, predict="hang", until=str(works))
    answers = ForeignAnswers(model, choice(), content)
    answers.check([RAIN])
    works.unlink()
    begin = time.monotonic()
    while time.monotonic() - begin < 4.0:
        said(answers, RAIN)
        time.sleep(0.02)
    hung = sum("did not predict within 0 s" in record.message for record in caplog.records)
    assert 2 <= hung <= 5
    works.touch()
    until(lambda: said(answers, RAIN) == ["weather"])
    assert answers._pause == pytest.approx(0.1), "once it answers, it begins at the beginning"


def test_who_measures_has_it_started_again_at_once_and_not_for_ever(make: Make, content: Path) -> None:
    answers = ForeignAnswers(make(), choice(), content, tries=2)
    many = [RAIN] * 32 + [POISON] + [JAZZ] * 31 + [RAIN] * 32 + [POISON] * 64
    found = said(answers, *many)
    assert found == ["weather"] * 32 + [None] * 32 + ["weather"] * 32 + [None] * 64


def test_a_checkpoint_whose_model_does_not_answer_is_refused(make: Make, content: Path) -> None:
    answers = ForeignAnswers(make(open="_exit"), choice(), content)
    with pytest.raises(InvalidCheckpoint, match="ended with 6 as it was to open; roll back"):
        answers.check([RAIN])
    assert not answers._held


def test_nothing_is_left_when_nobody_holds_it(make: Make, content: Path) -> None:
    answers = ForeignAnswers(make(), choice(), content)
    answers.check([RAIN])
    process, place = psutil.Process(answers._held[0]._process.pid), answers._place
    assert place.exists()
    del answers
    gc.collect()
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert not place.exists()


def test_a_file_that_changed_is_not_run(make: Make, content: Path) -> None:
    model = make()
    Path(model.path).write_text(json.dumps({"predict": "_exit"}))
    with pytest.raises(InvalidCheckpoint, match="has changed since it was named"):
        ForeignAnswers(model, choice(), content).check([RAIN])


def test_only_what_the_operator_named_is_run(make: Make) -> None:
    model = make()
    entry = ForeignEntry(attribute="Wish", file="wishes.json", sha256=model.sha256)
    with pytest.raises(InvalidCheckpoint, match="LABELWHEEL_ML_BACKENDS does not name it here"):
        foreign_models.of(entry, "v1")
    foreign_models.name([model])
    assert foreign_models.of(entry, "v1") is model
    with pytest.raises(InvalidCheckpoint, match="has changed since: put it back"):
        foreign_models.of(entry.model_copy(update={"sha256": "0" * 64}), "v1")
    with pytest.raises(InvalidCheckpoint, match="does not name it here"):
        foreign_models.of(entry.model_copy(update={"attribute": "system"}), "v1")


def test_a_packed_folder_leads_nowhere_else(tmp_path: Path, make: Make) -> None:
    import io
    import tarfile

    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    (tmp_path / "content.tar").write_bytes(written.getvalue())
    with pytest.raises(InvalidCheckpoint, match="cannot be unpacked"):
        folders.unpack(tmp_path / "content.tar", tmp_path / "inside")
    assert not (tmp_path / "outside").exists()
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "link").symlink_to("/etc/passwd")
    (tmp_path / "given" / "file").write_text("kept")
    (tmp_path / "again.tar").write_bytes(folders.pack(tmp_path / "given"))
    folders.unpack(tmp_path / "again.tar", tmp_path / "back")
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["file"]
