"""What a head on a champion says of a round's examples: of each only what it has not learnt from it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labelwheel.training import job, layers
from labelwheel.training.heads import bench, followed
from labelwheel.training.kinds import kind_of
from labelwheel.training.measurement import measure
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Kind, Prediction, Question
from labelwheel.training.spec import JobResult, JobSpec, LabelledExample, Part
from tests.training.models import ANSWERED, WORDS, choice, rows, tiny_bert

MISLEADING = dict(zip(WORDS, ("music", "food", "weather"), strict=True))


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A champion that knows the label names alone."""
    return made(tmp_path_factory.mktemp("names"), [], recipe="names")


def made(folder: Path, labelled: list[LabelledExample], question: Question | None = None, **fields: Any) -> str:
    """What a job makes of labels, as a folder."""
    data = folder / "labels.jsonl"
    data.write_text("".join(row.model_dump_json() + "\n" for row in labelled), "utf-8")
    settings = {"version": "v1", "question": question or choice(), "data": str(data), "output": str(folder / "v1")}
    spec = JobSpec(**{**settings, "device": "cpu", "threads": 1, "artefact": False, "fine_tuning": False, **fields})
    (folder / "spec.json").write_text(spec.model_dump_json(), "utf-8")
    assert job.main([str(folder / "spec.json")]) == 0
    return spec.output


def test_of_no_example_it_says_what_that_one_taught(names: str) -> None:
    labelled = [*rows(2), *rows(1, Part.HELD_OUT)]
    wrong = [0, len(labelled) - 1]
    truth = {labelled[place].example.key: labelled[place].answer for place in wrong}
    for place in wrong:
        labelled[place] = labelled[place].model_copy(update={"answer": MISLEADING[str(labelled[place].answer)]})
    said = followed.follow(Model.load(names, "cpu"), choice(), labelled).answers
    assert set(said) == {row.example.key for row in labelled}
    assert {key: said[key].answer for key in truth} == truth
    right = [said[row.example.key].answer == row.answer for row in labelled]
    assert sum(right) >= len(labelled) - 5


def test_what_is_held_out_teaches_it_as_it_teaches_those_that_people_are_served(names: str) -> None:
    apart = [row.model_copy(update={"part": Part.HELD_OUT}) for row in rows(4) if row.answer == "food"]
    labelled = [row for row in rows(2) if row.answer != "food"] + [
        row.model_copy(update={"answer": MISLEADING[str(row.answer)]}) for row in apart
    ]
    said = followed.follow(Model.load(names, "cpu"), choice(), labelled).answers
    assert np.mean([said[row.example.key].answer == MISLEADING["food"] for row in apart]) > 0.8


def test_no_text_is_read_that_nobody_learns_from_or_is_compared_on(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "MOST", 6)
    monkeypatch.setattr(bench, "MOST", 6)
    labelled = [*rows(1, Part.HELD_OUT)[:4], *rows(2)]
    said = followed.follow(Model.load(names, "cpu"), choice(), labelled).answers
    assert set(said) == {row.example.key for row in (*labelled[:4], *labelled[-6:])}


def test_what_is_set_apart_teaches_nobody(names: str) -> None:
    labelled, apart = rows(2), rows(1, Part.APART)
    champion = Model.load(names, "cpu")
    assert followed.follow(champion, choice(), [*labelled, *apart]) == followed.follow(champion, choice(), labelled)


def test_it_is_taught_by_guesses_on_other_texts(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    champion, labelled = Model.load(names, "cpu"), rows(1)
    loose = [row.example.model_copy(update={"key": f"loose {row.example.key}"}) for row in rows(4)[12:]]
    monkeypatch.setattr(followed, "GUESSED", 30)
    benches = list[Any]()
    kept = followed.measure
    monkeypatch.setattr(followed, "measure", lambda made, *limits: benches.append(made) or kept(made, *limits))
    assert set(followed.follow(champion, choice(), labelled, loose).answers) == {row.example.key for row in labelled}
    followed.follow(champion, choice(), labelled)
    taught, alone = benches
    assert len(taught.unlabelled.rows) == 30
    assert taught.can_guess
    assert alone.unlabelled is None


def test_names_that_mislead_are_learnt_over(names: str) -> None:
    question = choice()
    labelled = [row.model_copy(update={"answer": MISLEADING[str(row.answer)]}) for row in rows(6)]
    champion = Model.load(names, "cpu")
    alone = champion.predict(question, [row.example for row in labelled])
    said = followed.follow(champion, question, labelled).answers
    assert np.mean([one.answer == row.answer for one, row in zip(alone, labelled, strict=True)]) < 0.2
    assert np.mean([said[row.example.key].answer == row.answer for row in labelled]) > 0.8


@pytest.mark.parametrize(
    ("kind", "answers", "fields"),
    ANSWERED,
)
def test_a_head_stands_on_a_champion_of_every_kind(
    tmp_path: Path, kind: Kind, answers: list[Any], fields: dict[str, Any]
) -> None:
    question = Question.model_validate({"name": "q", "kind": kind, "inputs": ["text"], **fields})
    given = dict(zip(WORDS, answers, strict=True))
    labelled = [
        row.model_copy(
            update={
                "answer": given[str(row.answer)],
                "example": row.example.model_copy(
                    update={"fields": {**row.example.fields, "other": "left" if row.answer == "music" else "nothing"}}
                ),
            }
        )
        for row in rows(3) + rows(1, Part.HELD_OUT)
    ]
    base = str(tiny_bert(tmp_path / "base"))
    champion = Model.load(made(tmp_path, labelled, question, base_model=base), "cpu")
    said = followed.follow(champion, question, labelled).answers
    assert set(said) == {row.example.key for row in labelled}
    for row in labelled:
        assert question.check(said[row.example.key].answer, row.example) == said[row.example.key].answer


def test_nothing_is_said_where_a_model_keeps_its_layers_to_itself(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "behind", lambda module: None)
    assert followed.follow(Model.load(names, "cpu"), choice(), rows(1)) == followed.NOBODY
    assert followed.follow(Model.load(names, "cpu"), choice(), rows(1, Part.HELD_OUT)) == followed.NOBODY


@pytest.mark.parametrize("better", [True, False])
def test_a_challenger_has_to_beat_the_better_of_champion_and_head(better: bool) -> None:
    question = choice()
    held = rows(1, Part.HELD_OUT)
    right = {row.example.key: Prediction(answer=row.answer, score=1.0) for row in held}
    wrong = {row.example.key: Prediction(answer=MISLEADING[str(row.answer)], score=1.0) for row in held}

    def told(said: dict[str, Prediction]) -> Any:
        def predict(_: Question, examples: list[Example]) -> list[Prediction]:
            return [said[one.key] for one in examples]

        return SimpleNamespace(predict=predict, manifest=SimpleNamespace(label_count=0))

    champion, head = (wrong, right) if better else (right, wrong)
    proposal: Any = SimpleNamespace(outcome=SimpleNamespace(problem=SimpleNamespace(rows=())), unseen={})
    spec = JobSpec(version="v", question=question, data="", output="")
    answer = [Prediction(answer="food", score=1.0)] * len(held)
    found = measure(spec, kind_of(question), held, proposal, lambda _: answer, told(champion), head)
    assert {pair.champion_loss for pair in found.pairs} == {0.0}
    assert found.by_head is better


def test_a_job_compares_with_heads_where_they_follow(tmp_path: Path, names: str) -> None:
    labelled = [
        row.model_copy(update={"answer": MISLEADING[str(row.answer)]}) for row in [*rows(3), *rows(3, Part.HELD_OUT)]
    ]
    losses = {}
    for follows in (False, True):
        folder = tmp_path / str(follows)
        folder.mkdir()
        output = made(folder, labelled, version="v2", champion=names, followed=follows, max_minutes=0.5)
        result = JobResult.model_validate_json((Path(output) / "result.json").read_bytes())
        assert (result.followed, result.by_head) == (follows, follows)
        losses[follows] = [pair.champion_loss for pair in result.pairs]
        assert result.report["learning_curve_of"] == ("heads" if follows else "regression")
        assert bool(result.report["learning_curve"])
        assert any("head on it" in str(note) for note in result.report["notes"]) is follows  # type: ignore[attr-defined]
    assert np.mean(losses[False]) > 0.8  # type: ignore[arg-type]
    assert np.mean(losses[True]) < 0.2  # type: ignore[arg-type]
