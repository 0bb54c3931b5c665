"""The answer of the nearest text: held against what every strategy keeps, and learning what can be learnt."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from labelwheel.training import job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.heads import files
from labelwheel.training.heads.nearest import Candidate, Manner, NearestHead, choose
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import JobResult, JobSpec, LabelledExample, Part
from labelwheel.training.strategies.base import Strategy
from labelwheel.training.strategies.nearest_answer import NearestAnswer
from labelwheel.training.testing.small_model import small_model
from labelwheel.training.testing.strategies import StrategyConformance

SAID = Question(name="reply", kind="text", inputs=("text",), maximum=1)
CITIES = ("Berlin", "Rome", "Paris", "Oslo", "Lima", "Cairo", "Delhi", "Kyiv", "Quito", "Accra", "Tunis", "Dakar")
THINGS = (
    "a kettle",
    "the boots",
    "our sofa",
    "a novel",
    "the drill",
    "a tent",
    "the lamp",
    "some tea",
    "a bike",
    "a rug",
)


def letters(count: int, part: Part, seed: int, several: bool = False, noise: bool = False) -> list[LabelledExample]:
    """Orders and returns, each answered in its own way with what the letter names."""
    chance, found = random.Random(seed), []
    for number in range(count):
        order, city = chance.randrange(1000, 9999), chance.choice(CITIES)
        if number % 2:
            text, answer = f"Where is my order {order} that goes to {city} ?", f"Your order {order} is near {city}."
        else:
            text, answer = f"I send the parcel {order} back from {city} !", f"We await {order} from {city}, no fee."
        if noise:
            answer = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz    ", k=chance.randrange(10, 60)))
        example = Example(key=f"{part}{number}", fields={"text": text})
        said = [answer, "Yours, the shop"] if several else answer
        found.append(LabelledExample(example=example, answer=said, part=part, group=f"{part}{number}"))
    return found


class TestNearestAnswer(StrategyConformance):
    question = SAID

    @pytest.fixture
    def strategy(self) -> type[Strategy]:
        return NearestAnswer

    def labelled(self) -> Sequence[LabelledExample]:
        return [*letters(48, Part.TRAIN, 1), *letters(30, Part.HELD_OUT, 2)]


def learnt(tmp_path: Path, question: Question, rows: Sequence[LabelledExample], name: str = "v1") -> JobResult:
    base = tmp_path / "base"
    spec = JobSpec(
        version=name, question=question, output=str(tmp_path / name), data="",
        base_model=str(base if base.exists() else small_model(base)), device="cpu", threads=1, artefact=False,
    )  # fmt: skip
    job.execute(spec, rows)
    return JobResult.model_validate_json((tmp_path / name / "result.json").read_bytes())


def test_it_answers_unseen_letters_and_beats_no_suggestion(tmp_path: Path) -> None:
    rows = [*letters(60, Part.TRAIN, 1), *letters(60, Part.HELD_OUT, 2)]
    result = learnt(tmp_path, SAID, rows)
    held = [row for row in rows if row.part is Part.HELD_OUT]
    model = Model.load(tmp_path / "v1", device="cpu")
    said = model.predict(SAID, [row.example for row in held])
    right = sum(one.answer == row.answer for one, row in zip(said, held, strict=True))
    assert right >= 50
    assert sum(one.score for one in said) / len(said) == pytest.approx(right / len(held), abs=0.15), "true scores"
    verdict = compare(result.pairs, unrivalled=result.unrivalled)
    assert verdict.passes
    assert "that of no suggestion 0.500" in verdict.reason
    assert "whoever gets an export of it can read them" in json.dumps(checkpoint.read(tmp_path / "v1").report)


def test_where_answers_have_nothing_to_do_with_texts_nothing_is_suggested_or_promoted(tmp_path: Path) -> None:
    rows = [*letters(60, Part.TRAIN, 1, noise=True), *letters(60, Part.HELD_OUT, 2, noise=True)]
    result = learnt(tmp_path, SAID, rows)
    held = [row.example for row in rows if row.part is Part.HELD_OUT]
    said = Model.load(tmp_path / "v1", device="cpu").predict(SAID, held)
    assert [one.answer for one in said] == [None] * len(held)
    assert not compare(result.pairs, unrivalled=result.unrivalled).passes


def test_several_texts_are_answered_with_as_many(tmp_path: Path) -> None:
    question = SAID.model_copy(update={"maximum": None})
    rows = [*letters(40, Part.TRAIN, 1, several=True), *letters(10, Part.HELD_OUT, 2, several=True)]
    learnt(tmp_path, question, rows)
    held = [row for row in rows if row.part is Part.HELD_OUT]
    said = Model.load(tmp_path / "v1", device="cpu").predict(question, [row.example for row in held])
    assert sum(one.answer == row.answer for one, row in zip(said, held, strict=True)) >= 7
    assert {len(one.item_scores) for one in said if one.answer} == {2}


def test_the_next_round_is_better_with_more_letters(tmp_path: Path) -> None:
    def about(count: int, part: Part, seed: int) -> list[LabelledExample]:
        """Each about a thing that has an answer of its own, so that no few letters have them all."""
        chance, found = random.Random(seed), []
        for row in letters(count, part, seed):
            place = chance.randrange(len(THINGS))
            text = f"{row.example.fields['text']} It is about {THINGS[place]}, and about nothing but {THINGS[place]}."
            example = row.example.model_copy(update={"fields": {"text": text}})
            answer = f"{row.answer} {''.join(chr(97 + place * 2 + step) * 9 for step in range(3))}"
            found.append(row.model_copy(update={"example": example, "answer": answer}))
        return found

    held = about(60, Part.HELD_OUT, 2)
    losses = []
    for name, count in (("few", 12), ("many", 120)):
        pairs = learnt(tmp_path, SAID, [*about(count, Part.TRAIN, 1), *held], name).pairs
        losses.append(sum(pair.challenger_loss for pair in pairs if pair.held_out))
    assert losses[1] < losses[0]


def test_a_place_that_does_not_fit_costs_a_candidate_its_place() -> None:
    candidates = [Candidate(0.9, 1, ["a wrong one"]), Candidate(0.8, 0, ["a right one"])]
    assert choose(candidates, Manner(0.0, 1)).texts == ["a wrong one"]
    assert choose(candidates, Manner(0.2, 1)).texts == ["a right one"]
    voices = [Candidate(0.9, 0, ["something"]), Candidate(0.8, 0, ["the same"]), Candidate(0.7, 0, ["the same"])]
    assert choose(voices, Manner(0.0, 3)).texts == ["the same"]


def test_a_head_that_lacks_answers_is_refused(tmp_path: Path) -> None:
    learnt(tmp_path, SAID, letters(40, Part.TRAIN, 1))
    content = (tmp_path / "v1" / "labelwheel_head.safetensors").read_bytes()
    head = files.load(content)
    assert isinstance(head, NearestHead)
    tensors, about = files.unpack(content)
    about.pop("head")
    with pytest.raises(InvalidCheckpoint, match="as many answers as features"):
        files.load(files.pack("nearest", tensors, about | {"answers": about["answers"][1:]}))
