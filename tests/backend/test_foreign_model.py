"""A model that was written for label-studio-ml, as a strategy: trained, gated, served; whatever it does costs itself.

label-studio-ml itself is only in its git repository; `testkit.ml_stand_in` has the smallest thing with its interface.
"""

from __future__ import annotations

import gc
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from labelwheel.backend.rounds import foreign_models, gate
from labelwheel.backend.serving.engine import Loaded
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.foreign import Passing
from labelwheel.backend.settings import Settings
from labelwheel.training import job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.foreign import answers as foreign_answers
from labelwheel.training.foreign import model as known
from labelwheel.training.foreign.entry import FILE
from labelwheel.training.foreign.model import ForeignModel
from labelwheel.training.model import Model
from labelwheel.training.questions import Example
from labelwheel.training.spec import JobSpec, LabelledExample, Part, Recipe
from labelwheel.training.testing.labelled_texts import TOPIC
from labelwheel.training.testing.small_model import small_model
from testkit import ml_stand_in

MODEL = ml_stand_in.FOLDER / "tiny_counts.py"
NAME = "TinyCounts of tiny_counts.py"
TRAIN = 120

pytestmark = pytest.mark.slow


WORDS = {
    "weather": ["rain", "snow", "hail", "fog", "storm", "frost", "cloud", "wind", "thunder", "sun"],
    "music": ["jazz", "song", "tune", "band", "choir", "opera", "drum", "flute", "violin", "chord"],
    "food": ["pizza", "cake", "soup", "bread", "rice", "salad", "curry", "cheese", "noodle", "pie"],
}
NOISE = (
    "please", "could", "you", "tell", "me", "about", "this", "one", "here", "now", "today", "again", "some", "of",
)  # fmt: skip


def rows() -> list[LabelledExample]:
    """One of many words tells a text's label: words can be counted, and an encoder of random weights is no match."""
    chance, found = random.Random(3), []
    for number in range(180):
        label = list(WORDS)[number % 3]
        words = [chance.choice(WORDS[label]), *chance.choices(NOISE, k=14)]
        key, part = str(number), Part.TRAIN if number < TRAIN else Part.HELD_OUT
        text = " ".join(chance.sample(words, len(words)))
        found.append(
            LabelledExample(
                example=Example(key=key, fields={"text": text}), answer=label, part=part, group=key, fresh=True
            )
        )
    return found


@pytest.fixture
def mischief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the model do something from now on; an empty text has it behave."""
    path = [str(ml_stand_in.FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("MISCHIEF", str(tmp_path))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.jsonl"))
    monkeypatch.setenv("LABELWHEEL_TOKEN", "nobody is told this")

    def ask(what: str) -> None:
        (tmp_path / "mischief").write_text(what) if what else (tmp_path / "mischief").unlink(missing_ok=True)

    return ask


@pytest.fixture
def model(mischief: Callable[[str], None]) -> Iterator[ForeignModel]:
    """As the settings name it."""
    settings = Settings(
        ml_backends=f"{MODEL}:TinyCounts", ml_backend_seconds=4, ml_backend_mb=600, ml_backend_variables="MISCHIEF,SEEN"
    )
    (found,) = foreign_models.configured(settings)
    yield found
    known.name(())


def spec(folder: Path, version: str, model: ForeignModel | None, **fields: Any) -> JobSpec:
    base = folder / "base" if (folder / "base").exists() else small_model(folder / "base")
    return JobSpec(
        version=version, question=TOPIC, output=str(folder / version), data="", base_model=str(base), device="cpu",
        threads=1, fine_tuning=False, artefact=False, foreign=(model,) if model else (), **fields,
    )  # fmt: skip


def report(folder: Path, version: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / version / checkpoint.REPORT).read_bytes())
    return found


def answered(served: Loaded, some: list[Example]) -> list[Any]:
    encodings = served.encode(TOPIC, some)
    return served.decode(TOPIC, some, encodings, served.head(served.encoder.features(encodings)))


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_it_wins_a_round_passes_the_gate_and_is_served(
    model: ForeignModel, mischief: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_answers, "FIRST_PAUSE", 0.2)
    job.execute(spec(tmp_path, "v1", None, recipe=Recipe.NAMES), rows())
    job.execute(spec(tmp_path, "v2", model, champion=str(tmp_path / "v1")), rows())
    found = checkpoint.read(tmp_path / "v2")
    told = report(tmp_path, "v2")
    assert (found.manifest.recipe, told["chosen"]) == ("foreign", NAME), told["trials"]
    assert found.manifest.foreign is not None
    assert (found.manifest.foreign.attribute, found.manifest.foreign.sha256) == ("TinyCounts", model.sha256)
    assert FILE in found.manifest.files
    assert str(MODEL) not in (tmp_path / "v2" / checkpoint.MANIFEST).read_text(), "no checkpoint says where code is"
    assert any("the regression on the frozen encoder does" in note for note in told["notes"])

    held_out = {row.example.fields["text"] for row in rows() if row.part is Part.HELD_OUT}
    seen = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert [len(each["texts"]) for each in seen] == [80, 80, 80, 120], "three parts, and then all labels"
    assert not held_out & {text for each in seen for text in each["texts"]}, "what is held out is held out for life"
    assert not [name for each in seen for name in each["environment"] if name.startswith("LABELWHEEL_")]

    judged = gate.judge(tmp_path / "v2", "v2", Recipe.AUTO, Settings())
    assert judged.promote, judged.reason

    examples = [row.example for row in rows() if row.part is Part.HELD_OUT]
    said = [one.answer for one in Model.load(tmp_path / "v2", device="cpu").predict(TOPIC, examples)]
    assert sum(one == row.answer for one, row in zip(said, rows()[TRAIN:], strict=True)) >= 54
    held = [ChosenEngine(device="cpu", cores=1).load(tmp_path / "v2")]
    assert held[0].encoder.layered is None, "no fast head follows labels on it"

    assert [one.answer for one in answered(held[0], examples)] == said
    for what in ("predict crash", "predict hang"):
        mischief(what)
        begin = time.monotonic()
        meanwhile = answered(held[0], examples[:3])
        assert isinstance(meanwhile, Passing), "nobody keeps what stands in"
        assert all(one.answer in TOPIC.values for one in meanwhile), "no request fails"
        assert time.monotonic() - begin < 300, "what hangs does so for ten minutes"
        mischief("")
        until(lambda: [one.answer for one in answered(held[0], examples[:3])] == said[:3])
        assert not isinstance(answered(held[0], examples[:3]), Passing)

    (child,) = [each for each in psutil.Process().children() if "TinyCounts" in each.cmdline()]
    held.clear()
    gc.collect()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)

    # the next round compares with it, and a champion that nobody can run any more is no champion
    job.execute(spec(tmp_path, "v3", model, champion=str(tmp_path / "v2"), followed=True), rows())
    result = json.loads((tmp_path / "v3" / "result.json").read_bytes())
    assert sum(pair["champion_loss"] for pair in result["pairs"]) <= 6
    assert result["followed"] is False
    job.execute(spec(tmp_path, "v4", None, champion=str(tmp_path / "v2")), rows())
    assert any("LABELWHEEL_ML_BACKENDS does not name it here" in note for note in report(tmp_path, "v4")["notes"])

    known.name([model])
    mischief("predict crash")
    with pytest.raises(InvalidCheckpoint, match="ended with 4 as it was to predict; roll back or train anew"):
        ChosenEngine(device="cpu", cores=1).load(tmp_path / "v2")
    known.name(())
    with pytest.raises(InvalidCheckpoint, match="LABELWHEEL_ML_BACKENDS does not name it"):
        ChosenEngine(device="cpu", cores=1).load(tmp_path / "v2")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("fit crash", "ended with 4 as it was to learn"),
        ("fit exit", "failed to learn: SystemExit: 3"),
        ("fit raise", "failed to learn: RuntimeError: raise, as it was asked for"),
        ("fit hog", "took more than 600 MB to learn"),
        ("fit hang", "did not learn within"),
        ("predict hang", "did not predict within 4 s"),
        ("predict crash", "ended with 4 as it was to predict"),
    ],
)
def test_whatever_it_does_in_a_round_the_others_go_on(
    what: str, said: str, model: ForeignModel, mischief: Callable[[str], None], tmp_path: Path
) -> None:
    mischief(what)
    limited = model.model_copy(update={"learn_seconds": 3.0 if what == "fit hang" else 60.0})
    job.execute(spec(tmp_path, "v1", limited), rows())
    told = report(tmp_path, "v1")
    assert told["chosen"] == "regression on the frozen encoder"
    (trial,) = [each for each in told["trials"] if each["name"] == NAME]
    assert (trial["score"], said in trial["detail"]) == (None, True), trial
    assert any(f"{NAME} was given up" in note for note in told["notes"])
    assert not [each for each in psutil.Process().children(recursive=True) if "TinyCounts" in " ".join(each.cmdline())]


def test_one_that_breaks_as_it_learns_from_all_labels_leaves_its_place(
    model: ForeignModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelwheel.training.errors import ForeignFailed
    from labelwheel.training.strategies.foreign import ForeignStrategy

    def broken(self: ForeignStrategy) -> Any:
        raise ForeignFailed("it ended with 9")

    monkeypatch.setattr(ForeignStrategy, "finish", broken)
    job.execute(spec(tmp_path, "v1", model), rows())
    told = report(tmp_path, "v1")
    assert (told["chosen"], told["reason"]) == ("regression on the frozen encoder", f"{NAME} won, but it ended with 9")
    assert checkpoint.read(tmp_path / "v1").manifest.foreign is None


def test_the_settings_are_checked_at_the_start(tmp_path: Path) -> None:
    from labelwheel.backend.errors import InvalidSettings

    (tmp_path / "model.py").write_text("")
    for wrong, said in (
        ("model.py", "is not path/to/model.py:ClassName"), ("/etc/passwd:Class", "is not path/to/model.py:ClassName"),
        (f"{tmp_path}/none.py:Class", "there is no file"), (f"{tmp_path}/model.py:a b", "is not path"),
        (f"{tmp_path}/model.py:A,{tmp_path}/model.py:A", "two have one name"),
    ):  # fmt: skip
        with pytest.raises(InvalidSettings, match=said):
            foreign_models.configured(Settings(ml_backends=wrong))
    assert foreign_models.configured(Settings()) == ()


def test_a_shuffle_of_the_labels_is_no_match_for_the_gate(model: ForeignModel, tmp_path: Path) -> None:
    """Held-out examples are compared as for any strategy: one that has learnt nonsense is refused."""
    job.execute(spec(tmp_path, "v1", model), rows())
    chance = random.Random(1)
    shuffled = [
        row.model_copy(update={"answer": chance.choice(TOPIC.values)}) if row.part is Part.TRAIN else row
        for row in rows()
    ]
    job.execute(spec(tmp_path, "v2", model, champion=str(tmp_path / "v1")), shuffled)
    assert not gate.judge(tmp_path / "v2", "v2", Recipe.AUTO, Settings()).promote
