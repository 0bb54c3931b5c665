"""A kind of question in one file: yes or no, answered with true or false, learnt with an objective of its own.

It is installed as any other is, by an entry point, so that jobs know it, which are processes of their own; nothing of
labelwheel does. It goes through the whole loop with real parts: labels from a tool, a round, a job, the gate, the swap,
and suggestions back into the tool.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelwheel.backend import app
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Label, QuestionRow
from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.processes import home_folder
from labelwheel.backend.projects import projects
from labelwheel.backend.rounds import launchers
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.settings import Settings
from labelwheel.training import labelset
from labelwheel.training.errors import DuplicateKind, InvalidAnswer
from labelwheel.training.kinds import agreement, registry, scores, texts
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.objectives import Objective
from labelwheel.training.questions import Answer, Example, Prediction, Question, brief
from labelwheel.training.spec import LabelledExample, Part, Unit
from tests.backend.world import FakeWeb, World

ROOT = Path(__file__).parents[2]
WET = ("rain", "hail", "drizzle", "snow", "a storm", "a shower", "fog", "a thunderstorm", "sleet", "a blizzard")
DRY = (
    "pizza",
    "a concert",
    "the striker",
    "an election",
    "my laptop",
    "a novel",
    "the bank",
    "tennis",
    "soup",
    "a bus",
)
SAID = ("There is {} outside, number {}", "Nobody had expected {} at {}", "What about {}? asked {}", "{} again, by {}")


class Margin(Objective):
    """Squared hinge on one logit; targets are -1 and 1."""

    def losses(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return self.gradient(logits, targets)[0]

    def gradient(self, logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        short = np.maximum(0.0, 1.0 - targets * logits)
        return (short**2).sum(axis=1), -2.0 * targets * short

    def torch_loss(self, logits: Any, labels: Any, weights: Any) -> Any:
        return ((1.0 - labels * logits.float()).clamp(min=0) ** 2).sum()


class Verdict(texts.TextKind):
    """Yes or no."""

    name = "verdict"
    metric = "accuracy"
    problem_type = "regression"
    needs_options = False
    least_labels = 4

    def values(self, question: Question) -> tuple[str, ...]:
        return ("yes", "no")

    def outputs(self, question: Question) -> Sequence[str]:
        return ("yes",)

    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        if not isinstance(answer, bool):
            raise InvalidAnswer(f"{question.name!r} is answered with true or false, not {brief(answer)}")
        return answer

    def agree(self, answers: Sequence[Answer]) -> Answer:
        return agreement.most(answers)

    def alternatives(self, question: Question, example: Example, answer: Answer) -> Iterator[Answer]:
        yield not answer

    def labels(self, question: Question, answer: Answer) -> list[str]:
        return ["yes" if answer else "no"]

    def feature(self, question: Question) -> Any:
        import datasets

        return datasets.Value("bool")

    def objective(self) -> Objective:
        return Margin()

    def target(self, question: Question, answer: Answer, outputs: texts.Outputs) -> np.ndarray:
        return np.asarray([1.0 if answer else -1.0])

    def calibrate(self, values: np.ndarray, targets: np.ndarray, scale: float) -> dict[str, float]:
        return {}

    def prediction(
        self, question: Question, logits: np.ndarray, outputs: texts.Outputs, calibration: Mapping[str, float]
    ) -> Prediction:
        return Prediction(answer=bool(logits[0] > 0), score=float(texts.sigmoid(4 * abs(logits[0]))))

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        (wanted,) = self.labels(question, gold)
        if prediction.answer == gold:
            return Score(loss=0.0, units={wanted: Unit(true_positives=1)})
        units = {wanted: Unit(false_negatives=1)}
        if prediction.answer is not None:
            (given,) = self.labels(question, prediction.answer)
            units[given] = Unit(false_positives=1)
        return Score(loss=1.0, units=units)

    def summary(self, question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
        return scores.accuracy(golds, answers)

    def confused(self, question: Question, gold: Answer, answer: Answer) -> list[tuple[str, str]]:
        return [(str(gold), str(answer))] if gold != answer else []


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As `pip install` leaves it, for this process and for those that it starts."""
    package = tmp_path / "installed" / "verdict-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: verdict\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[{registry.GROUP}]\nverdict = {__name__}:Verdict\n")
    path = [str(package.parent), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.syspath_prepend(str(package.parent))
    registry._registered.cache_clear()
    yield
    monkeypatch.undo()
    registry._registered.cache_clear()


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'test.db'}"


class Web(FakeWeb):
    """A real web process's service, asked in this one."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database)
        engine = ChosenEngine(device="cpu", cores=1)
        self.flask = app.create_app(world.settings, engine, start=False)
        self.service: app.Service = self.flask.extensions[app.EXTENSION]

    def follow(self) -> None:
        while self.service.follower.step():
            pass

    def suggest(self, number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        answer = self.flask.test_client().post(
            f"/api/v1/projects/{number}/suggest",
            json={"examples": examples},
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found


def sentences(words: Sequence[str]) -> list[str]:
    return [said.format(word, len(word) ** 5 + place) for word in words for place, said in enumerate(SAID)]


def wait(world: World, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, world.decisions
        world.turn()
        time.sleep(0.05)


@pytest.mark.usefixtures("installed")
def test_a_kind_from_elsewhere_is_labelled_learnt_swapped_in_and_shown(world: World) -> None:
    question = Question(name="wet", kind="verdict", inputs=("text",), prompt="Does it get wet?")
    world.settings = world.settings.model_copy(update={"base_model": None})
    home_folder.prepare(world.settings)
    world.launcher = launchers.load(world.settings)  # type: ignore[assignment]
    world.web = Web(world)
    world.start()
    world.tool.questions = (question,)
    wet, dry = world.tool.add(*sentences(WET)), world.tool.add(*sentences(DRY))
    world.connect()
    world.turns(3)
    assert world.rounds == [], "its options' names mean nothing, so there is nothing to serve before the first label"

    shown, labelled = wet[:8] + dry[:8], wet[29:] + dry[29:]
    for key in labelled:
        world.tool.submit(key, {"wet": key in wet})
    wait(world, lambda: world.rounds and world.rounds[-1].ended_at)
    (first,) = world.rounds
    assert first.state == "promoted", first.reason
    wait(world, lambda: all(key in world.tool.shown for key in shown))
    world.web.service.stop()

    with world.database.session() as session:
        ledger = {row.example_key: row.answer for row in session.query(Label)}
    assert ledger == {key: key in wet for key in labelled}, "false is an answer, and no silence"
    suggested = {key: world.tool.shown[key] for key in shown}
    assert {each.version for each in suggested.values()} == {world.generation}
    answers = {key: each.predictions["wet"].answer for key, each in suggested.items()}
    assert set(map(type, answers.values())) == {bool}
    assert sum(answer == (key in wet) for key, answer in answers.items()) >= 14

    report = world.settings.checkpoints.read(first.version).folder
    told = (report / "report.json").read_text("utf-8")
    assert '"kind": "verdict"' in told.replace('":"', '": "')


@pytest.mark.usefixtures("installed")
def test_its_answers_are_checked_and_kept_as_a_dataset(tmp_path: Path) -> None:
    question = Question(name="wet", kind="verdict", inputs=("text",))
    one = Example(key="1", fields={"text": "rain"})
    with pytest.raises(InvalidAnswer, match="true or false, not 'yes'"):
        question.check("yes", one)
    rows = [LabelledExample(example=one, answer=True, part=Part.TRAIN, group="1")]
    assert labelset.build(question, rows)["train"]["label"] == [True]


@pytest.mark.usefixtures("installed")
def test_of_one_name_there_is_one_kind() -> None:
    with pytest.raises(DuplicateKind, match="verdict"):
        registry.register(Verdict)


@pytest.mark.usefixtures("fake_tools")
def test_where_its_package_is_gone_the_start_says_so(settings: Settings, database: Database) -> None:
    with database.transaction() as tx:
        found = projects.register(tx, settings, "fake", "http://kinds", "1", "key", "http://us:9090")
        spec = {"name": "wet", "kind": "verdict", "inputs": ["text"]}
        tx.add(QuestionRow(project_id=found.id, name="wet", spec=spec))
    with pytest.raises(InvalidSettings, match="project 1 asks 'wet', a question of the kind 'verdict', which nothing"):
        home_folder.prepare(settings)


def test_a_question_of_a_kind_that_nobody_installed_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no kind of question 'verdict'; there are choice, choices"):
        Question(name="wet", kind="verdict", inputs=("text",))
