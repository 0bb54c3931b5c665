from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from labelwheel.training import encoders, job, unlabelled
from labelwheel.training.errors import InvalidJob
from labelwheel.training.questions import Example, Kind, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part
from labelwheel.training.strategies import registry
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.unlabelled import UnlabelledTexts
from tests.training.models import choice, example, rows, tiny_bert

HELD = "the delivery came late and the box was damaged, I want my money back"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("base")))


def texts(base: str, given: list[Example], *, question: Question | None = None) -> UnlabelledTexts:
    asked = question or choice()
    held = LabelledExample(example=example(HELD, "held"), answer="food", part=Part.HELD_OUT, group="held")
    apart = LabelledExample(
        example=example("neither here nor there", "apart"), answer="food", part=Part.APART, group="a"
    )
    _, tokenizer = encoders.load(base, {})
    return UnlabelledTexts(asked, given, [*rows(1), held, apart], tokenizer, 16)


def test_no_text_that_is_labelled_or_measured_on_and_none_that_is_like_it(base: str) -> None:
    given = [
        example("nobody has said what this is about", "new"),
        example("a text that was labelled meanwhile", "held"),
        Example(key="1", fields={"text": HELD, "note": "another field tells them apart"}),
        example(f"{HELD} please", "2"),
        example("Neither here, nor THERE!", "3"),
        example("play some jazz", "4"),
        example("  ", "5"),
    ]
    found = texts(base, given)
    assert [one.key for one in found.examples] == ["new"]
    assert [(one.example, len(one.input_ids) > 2) for one in found.encodings] == [(0, True)]
    assert len(found) == 1


def test_a_long_text_is_cut_and_a_comparison_needs_both_sides(base: str) -> None:
    (encoding,) = texts(base, [example("word " * 100, "long")]).encodings
    assert len(encoding.input_ids) == 16
    pairs = Question(name="better", kind=Kind.PAIRWISE, inputs=("text", "other"))
    whole = Example(key="whole", fields={"text": "one thing said", "other": "and another thing"})
    half = Example(key="half", fields={"text": "this has no other side", "other": ""})
    found = texts(base, [half, whole], question=pairs)
    assert [one.key for one in found.examples] == ["whole"]
    assert sorted(one.side for one in found.encodings) == [0, 1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (
            '{"key": "1", "fields": {"text": "a"}}\n\n{"key": "1", "fields": {"text": "b"}}\n',
            "line 3: '1' stands there",
        ),
        ('{"key": "1", "fields": {"text": 1}}\n', "line 1: fields.text"),
        ('{"key": "1", "fields": {}, "answer": "food"}\n', "line 1: answer"),
        ("[", "line 1"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "unlabelled.jsonl"
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(InvalidJob, match=said):
        unlabelled.read(str(path))


class Curious(Strategy):
    """Notes what it was given, and leaves the rest to others."""

    name, recipe, cost = "curious", "curious", Cost.SECONDS
    seen: ClassVar[list[list[str] | None]] = []

    def applies(self) -> bool:
        texts = self.given.unlabelled
        self.seen.append(None if texts is None else [one.key for one in texts.examples])
        return False

    def measure(self) -> Outcome:
        raise NotImplementedError

    def finish(self) -> Finished:
        raise NotImplementedError


@pytest.fixture
def curious() -> Iterator[list[list[str] | None]]:
    registry.register(Curious)
    yield Curious.seen
    registry.unregister(Curious)
    Curious.seen.clear()


@pytest.mark.parametrize("handed", [True, False])
def test_a_job_gives_them_to_strategies(
    tmp_path: Path, base: str, curious: list[list[str] | None], handed: bool
) -> None:
    path = tmp_path / "unlabelled.jsonl"
    loose = [example("nobody has labelled this one", "new"), example("put on my running playlist", "old")]
    path.write_text("".join(one.model_dump_json() + "\n" for one in loose), "utf-8")
    spec = JobSpec(
        version="v1", question=choice(), data="", output=str(tmp_path / "v1"), base_model=base, device="cpu",
        unlabelled=str(path) if handed else None, artefact=False,
    )  # fmt: skip
    assert job.execute(spec, rows(1)) == "v1"
    assert curious == [["new"] if handed else None]
