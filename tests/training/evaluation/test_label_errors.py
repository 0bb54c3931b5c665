"""Labels that are probably wrong: figures by hand, and planted errors that have to be found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from labelwheel.training.base_model import Base
from labelwheel.training.evaluation import doubts, label_errors, out_of_fold, token_doubts
from labelwheel.training.evaluation.label_errors import LABEL_ERRORS
from labelwheel.training.inspection.registry import SECTIONS
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.questions import Example, Kind, Prediction, Question
from labelwheel.training.spec import LabelledExample, Part
from tests.training import chains
from tests.training.models import choice, rows

STARS = Question(name="stars", kind=Kind.RATING, inputs=("text",), minimum=1, maximum=5)
TOPICS = Question(
    name="topics",
    kind=Kind.CHOICES,
    inputs=("text",),
    options=choice().options,
)


@cache
def base(question: Question) -> Base:
    return Base.load(None, question, 64, "cpu")


def subject(question: Question, labelled: Sequence[LabelledExample], **more: object) -> Subject:
    def answer(examples: Sequence[Example]) -> list[Prediction]:
        raise AssertionError("what is served has learnt from most labels, and says nothing against them")

    return Subject(question=question, rows=labelled, answer=answer, load=lambda: base(question), **more)  # type: ignore[arg-type]


def planted() -> tuple[list[LabelledExample], dict[str, str]]:
    """Sixty texts of three labels, some of them held out and apart, of which three are wrong; what is right, by key."""
    labelled = rows(5)
    parts = (Part.TRAIN, Part.TRAIN, Part.HELD_OUT, Part.TRAIN, Part.APART)
    labelled = [row.model_copy(update={"part": parts[number % 5]}) for number, row in enumerate(labelled)]
    right = {}
    for place, wrong in ((1, "food"), (22, "weather"), (38, "music")):
        right[labelled[place].example.key] = labelled[place].answer
        labelled[place] = labelled[place].model_copy(update={"answer": wrong})
    assert {row.part for row in labelled if row.example.key in right} == {Part.TRAIN, Part.HELD_OUT}
    return labelled, right


# By hand


def test_a_label_is_as_doubtful_as_the_model_believes_in_others() -> None:
    chances = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    assert doubts.expected_losses(chances, np.array([0, 1]), 1 - np.eye(3)).tolist() == pytest.approx([0.3, 0.9])


def test_of_ratings_the_distance_counts() -> None:
    labelled = [
        LabelledExample(example=Example(key=str(n), fields={"text": "a"}), answer=n, part=Part.TRAIN, group=str(n))
        for n in (1, 5)
    ]
    losses = doubts.costs(subject(STARS, labelled).problem)
    assert losses[0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert losses == pytest.approx(losses.T)
    sure = np.array([[0, 0, 0, 0.5, 0.5], [0, 0, 0, 0.5, 0.5]])
    assert doubts.expected_losses(sure, np.array([0, 2]), losses).tolist() == pytest.approx([0.875, 0.375])


def test_confident_learning_suspects_what_is_above_the_mean_of_another_label() -> None:
    # the thresholds are the means of what is said of each label's own: .6 and .85; only the third row reaches another's
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8], [0.15, 0.85]])
    assert doubts.suspected(chances, np.array([0, 0, 0, 1, 1, 1])) == 1
    assert doubts.suspected(chances, np.array([0, 0, 1, 1, 1, 1])) == 0


def test_of_several_labels_the_worst_decisions_count_and_unused_options_do_not() -> None:
    chances = np.array([[0.1, 0.9, 0.1], [0.4, 0.1, 0.9]])
    chosen = np.array([[False, True, False], [True, False, True]])
    # each decision is right with .9, .9, .9 and .4, .9, .9; the worst one weighs .8 against the mean of those before
    assert doubts.doubts_of_several(chances, chosen).tolist() == pytest.approx([0.1, 0.5])
    sure = np.array([[0.9, 0.5], [0.8, 0.5], [0.1, 0.5], [0.1, 0.5], [0.2, 0.5], [0.1, 0.5]])
    marked = np.array([[True], [True], [True], [False], [False], [False]]) & np.array([[True, False]])
    assert doubts.suspected_of_several(sure, marked) == 1


def test_a_text_is_as_doubtful_as_its_most_doubtful_word() -> None:
    numbers = [np.array([0, 0, 1]), np.array([], dtype=int), np.array([0, 1])]
    chances = [np.array([[0.9, 0.1], [0.7, 0.3], [0.05, 0.95]]), np.zeros((0, 2)), np.array([[0.8, 0.2], [0.8, 0.2]])]
    assert token_doubts.of_texts(numbers, chances).tolist() == pytest.approx([0.3, 0, 0.8])
    # the thresholds are .8 and .575: the last word's .8 for the first tag reaches it, no other word's does
    assert token_doubts.suspected_texts(numbers, chances) == 1
    assert token_doubts.suspected_texts([], []) == 0


# Out of fold


def test_nobody_is_asked_about_what_was_learnt_nor_about_its_near_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = [row.model_copy(update={"group": row.group[:-8]}) for row in rows(5, Part.HELD_OUT)]
    given = subject(choice(), labelled)
    frozen, learnt, met = given.frozen, list[set[str]](), list[set[str]]()
    fit, logits = frozen.fit, frozen.logits

    def fitted(indices: Sequence[int], *rest: object, **more: object) -> object:
        learnt.append({labelled[place].group for place in indices})
        return fit(indices, *rest, **more)  # type: ignore[arg-type]

    def told(head: object, indices: Sequence[int]) -> object:
        met.append({labelled[place].group for place in indices} & learnt[-1])
        return logits(head, indices)  # type: ignore[arg-type]

    setting = frozen.search(range(len(labelled)), [], 1.0)
    monkeypatch.setattr(frozen, "search", lambda *_: setting)
    monkeypatch.setattr(frozen, "fit", fitted)
    monkeypatch.setattr(frozen, "logits", told)
    assert out_of_fold.logits(frozen, 1).keys() == set(range(60))
    assert len(met) == out_of_fold.FOLDS
    assert not set().union(*met)


# What people are shown


def test_planted_errors_come_first_with_what_is_right_and_what_lies_around_them() -> None:
    labelled, right = planted()
    found = LABEL_ERRORS.look(subject(choice(), labelled))
    assert json.loads(json.dumps(found)) == found
    assert found["looked_at"] == 60
    first = found["labels"][:3]
    assert {one["key"]: one["suggestion"] for one in first} == right
    known = {row.example.key: row for row in labelled}
    for one in first:
        row = known[one["key"]]
        assert one["answer"] == row.answer
        assert one["text"] == row.example.fields["text"]
        assert one["score"] > 0.5
        assert one["probability"] > 0.5
        assert len(one["nearest"]) == 3
        assert one["key"] not in [other["key"] for other in one["nearest"]]
        assert {other["answer"] for other in one["nearest"]} == {right[one["key"]]}
        assert all(other["answer"] == known[other["key"]].answer for other in one["nearest"])
    assert found["suspected"] >= 3
    scores = [one["score"] for one in found["labels"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) <= label_errors.LEAST
    text = LABEL_ERRORS.render(found)
    assert text.startswith("## Label errors\n")
    assert f"| `{first[0]['key']}` | `{first[0]['answer']}` | `{first[0]['suggestion']}` | " in text
    assert first[0]["text"] not in text


def test_where_everything_is_right_nothing_is_listed() -> None:
    found = LABEL_ERRORS.look(subject(choice(), rows(5)))
    assert found == {"looked_at": 60, "suspected": 0, "labels": []}
    assert LABEL_ERRORS.render(found).startswith("## Label errors\n\nConfident learning suspects 0 of 60 labels")


def test_of_several_labels_one_that_is_missing_and_one_too_many_are_found() -> None:
    labelled = [row.model_copy(update={"answer": [row.answer]}) for row in rows(5)]
    missing, added = labelled[3].example.key, labelled[30].example.key
    labelled[3] = labelled[3].model_copy(update={"answer": []})
    labelled[30] = labelled[30].model_copy(update={"answer": ["music", "food"]})
    found = LABEL_ERRORS.look(subject(TOPICS, labelled))
    said = {one["key"]: one["suggestion"] for one in found["labels"][:2]}
    assert said == {missing: ["weather"], added: ["music"]}
    assert "| `nothing` | `weather` |" in LABEL_ERRORS.render(found)


def test_a_span_that_was_dropped_and_one_of_another_label_are_found() -> None:
    labelled = chains.labelled(80)
    dropped, renamed = labelled[41], labelled[62]
    assert len(dropped.answer) == 1
    assert len(renamed.answer) == 1
    labelled[41] = dropped.model_copy(update={"answer": []})
    labelled[62] = renamed.model_copy(update={"answer": [{**renamed.answer[0], "label": "city"}]})
    found = LABEL_ERRORS.look(subject(chains.PLACES, labelled))
    said = {one["key"]: one["suggestion"] for one in found["labels"][:2]}
    assert said == {dropped.example.key: dropped.answer, renamed.example.key: renamed.answer}
    lines = {one["key"]: (one["labelled"], one["would_say"]) for one in found["labels"][:2]}
    [span] = dropped.answer
    name = dropped.example.fields["text"][span["start"] : span["end"]]
    assert lines[dropped.example.key] == ("nothing", f"{span['label']} “{name}”")
    assert name not in LABEL_ERRORS.render(found)
    assert found["suspected"] >= 2


def test_texts_are_parted_where_they_are_too_many_for_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = [row.model_copy(update={"group": str(number // 2)}) for number, row in enumerate(chains.labelled(80))]
    problem = subject(chains.PLACES, labelled).problem
    assert token_doubts.parts(problem) == [list(range(80))]
    whole = sum(token_doubts.span_fit.expected_work(problem.question, row.example) for row in labelled)
    monkeypatch.setattr(token_doubts, "MOST_WORK", whole / 2.5)
    parted = token_doubts.parts(problem)
    assert len(parted) == 3
    assert sorted(place for part in parted for place in part) == list(range(80))
    groups = [{labelled[place].group for place in part} for part in parted]
    assert sum(map(len, groups)) == 40, "near-duplicates stay together"
    found = LABEL_ERRORS.look(subject(chains.PLACES, labelled))
    assert found["looked_at"] == 80


@pytest.mark.parametrize(
    ("question", "answers", "reason"),
    [
        (Question(name="price", kind=Kind.NUMBER, inputs=("text",)), [1.5, 2.5], "Labels of this kind are not ranked"),
        (choice(), ["food"], "All labels are alike"),
    ],
)
def test_what_cannot_be_ranked_says_so(question: Question, answers: list[object], reason: str) -> None:
    labelled = [row.model_copy(update={"answer": answers[number % len(answers)]}) for number, row in enumerate(rows(5))]
    found = LABEL_ERRORS.look(subject(question, labelled))
    assert found["labels"] == []
    assert found["reason"].startswith(reason)
    assert LABEL_ERRORS.render(found) == f"## Label errors\n\n{found['reason']}\n"


def test_few_labels_are_not_doubted_and_none_say_nothing() -> None:
    found = LABEL_ERRORS.look(subject(choice(), rows(2)))
    assert found == {"labels": [], "reason": "There are 24 labels: with fewer than 50 the model's doubts say little."}
    assert LABEL_ERRORS.look(subject(choice(), [])) == {}
    assert LABEL_ERRORS.render({}) == ""


def test_what_is_hidden_from_people_may_still_be_said_against_a_label() -> None:
    labelled, right = planted()
    found = LABEL_ERRORS.look(subject(choice(), labelled, hide_below=0.999))
    assert {one["key"] for one in found["labels"][:3]} == right.keys()


def test_it_is_among_the_sections() -> None:
    assert LABEL_ERRORS in SECTIONS
    assert LABEL_ERRORS.name == "label_errors"
