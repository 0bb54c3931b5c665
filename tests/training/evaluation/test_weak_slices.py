"""A part of the texts that is weak is found, by its name or by what its texts are like; nothing is where none is."""

import json

import numpy as np
import pytest

from labelwheel.training.base_model import Base
from labelwheel.training.evaluation import weak_slices
from labelwheel.training.evaluation.clusters import Vocabulary
from labelwheel.training.evaluation.report import plain
from labelwheel.training.evaluation.weak_slices import WEAK_SLICES
from labelwheel.training.spec import Part
from tests.training.inspection import subjects

QUESTION = subjects.choice("table", "music")
CHATTED = ("yo", "lol", "gimme")


@pytest.fixture(scope="module")
def base():
    return Base.load(None, QUESTION, 64, "cpu")


def texts(seed, count):
    """A tenth is written as people chat."""
    draw, rows = np.random.default_rng(seed), []
    for number in range(count):
        label = "table" if number % 2 else "music"
        said = f"reserve a table for {number} people" if number % 2 else f"play song {number} by the band"
        chatted = draw.random() < 0.12
        text = f"yo gimme lol {said} tonight at nine" if chatted else f"please be so kind: {said} tonight at nine"
        rows.append((text, label, "app" if chatted else str(draw.choice(["web", "mail"]))))
    return rows


def subject(base, seed, weak, named, count=320, part=Part.HELD_OUT):
    draw = np.random.default_rng(100 + seed)
    found = texts(seed, count)
    wrong = {text for text, _, _ in found if draw.random() < (0.7 if weak and text.startswith("yo") else 0.1)}
    labels = {text: label for text, label, _ in found}
    rows = [
        subjects.row(number, text, label, part, **({"source": source} if named else {}))
        for number, (text, label, source) in enumerate(found)
    ]

    def say(text):
        right = labels[text]
        return ({"table": "music", "music": "table"}[right] if text in wrong else right), 0.9

    return subjects.subject(QUESTION, rows, say, lambda: base, seed=seed)


@pytest.fixture(autouse=True)
def own_losses_alone(monkeypatch):
    monkeypatch.setattr(weak_slices, "ENOUGH", 100)


@pytest.mark.parametrize("seed", range(3))
def test_a_weak_source_is_found_by_its_column(base, seed):
    found = WEAK_SLICES.look(subject(base, seed, weak=True, named=True))
    assert json.loads(json.dumps(plain(found))) == plain(found)
    first = [row for row in found["weak"][:3] if (row["slice"], row["value"]) == ("source", "app")]
    assert first or any(set(row["words"]) & set(CHATTED) for row in found["weak"][:3])


@pytest.mark.parametrize("seed", range(3))
def test_a_weak_source_that_nobody_named_is_found_by_what_its_texts_are_like(base, seed):
    given = subject(base, seed, weak=True, named=False)
    found = WEAK_SLICES.look(given)
    first = next(row for row in found["weak"] if row["slice"] is None)
    assert set(first["words"]) & set(CHATTED)
    assert first["p_value"] <= 0.05
    assert first["low"] < first["score"] < first["rest"]
    assert len(first["keys"]) == 3
    text = {row.example.key: row.example.fields["text"] for row in given.rows}
    assert text[first["keys"][0]].startswith("yo")
    assert "texts that are alike" in WEAK_SLICES.render(found)


def test_nothing_is_reported_where_nothing_is_weak(base):
    found = [WEAK_SLICES.look(subject(base, seed, weak=False, named=True)) for seed in range(10)]
    assert sum(bool(each["weak"]) for each in found) <= 1
    silent = next(each for each in found if not each["weak"])
    assert "none is worse than the rest" in WEAK_SLICES.render(silent)


def test_training_labels_are_added_where_few_are_held_out(base):
    given = subject(base, 0, weak=False, named=True, count=120)
    rows = [
        row.model_copy(update={"part": Part.TRAIN if n >= 30 else Part.HELD_OUT}) for n, row in enumerate(given.rows)
    ]
    found = WEAK_SLICES.look(subjects.subject(QUESTION, rows, lambda text: ("table", 0.9), lambda: base, seed=0))
    assert (found["examples"], found["by_cross_validation"]) == (120, 90)
    assert "90 of them training labels" in WEAK_SLICES.render(found)


def test_few_examples_say_nothing():
    rows = [subjects.row(number, f"text {number}", "table") for number in range(19)]

    def unread():
        raise AssertionError("no model is needed for so few")

    assert WEAK_SLICES.look(subjects.subject(QUESTION, rows, lambda text: ("table", 1.0), unread)) == {}


def test_typical_words_are_those_that_the_others_do_not_use():
    said = ["the cat sat", "the cat ran", "the dog sat", "the dog ran"]
    members = np.array([True, True, False, False])
    assert Vocabulary(said).typical(members) == ["cat"]
    assert Vocabulary(["", ""]).typical(members[:2]) == []
    assert Vocabulary(["", ""]).features(0).size == 0
