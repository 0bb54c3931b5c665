"""The nearest labelled examples, by cosines that can be done in the head."""

from __future__ import annotations

import numpy as np
import pytest

from labelwheel.training.evaluation import neighbours
from labelwheel.training.evaluation.neighbours import Nearest, Neighbour
from labelwheel.training.kinds.base import Encoding
from tests.training.models import choice, example, rows

ROWS = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 4.0], [-1.0, 0.0]])


def test_the_nearest_come_first_whatever_their_length() -> None:
    (found,) = Nearest(ROWS).nearest(np.array([[10.0, 0.0]]), 3)
    assert [one.place for one in found] == [0, 2, 1]
    assert [one.cosine for one in found] == pytest.approx([1.0, 0.6, 0.0])


def test_an_example_is_no_neighbour_of_its_own_but_one_that_is_the_same_is() -> None:
    same = Nearest(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert same.of([0, 1], 1) == [[Neighbour(1, 1.0)], [Neighbour(0, 1.0)]]


def test_of_a_single_example_there_are_no_others() -> None:
    assert Nearest(ROWS[:1]).of([0]) == [[]]


def test_many_rows_are_compared_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Nearest(ROWS).of(range(4))
    monkeypatch.setattr(neighbours, "_ROWS", 1)
    assert Nearest(ROWS).of(range(4)) == found


def test_a_text_is_the_mean_of_its_tokens_and_windows_and_a_comparison_has_two_sides() -> None:
    encodings = [Encoding(0, [1, 2]), Encoding(0, [3]), Encoding(1, [4])]
    features = [np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 3.0]]), np.array([[5.0, 5.0]])]
    assert neighbours.whole(3, encodings, features).tolist() == [[1, 1], [5, 5], [0, 0]]
    sides = [Encoding(0, [1], side=0), Encoding(0, [2], side=1)]
    assert neighbours.whole(1, sides, [np.array([1.0, 2.0]), np.array([3.0, 4.0])]).tolist() == [[1, 2, 3, 4]]


def test_they_are_shown_by_key_text_and_answer() -> None:
    (shown,) = neighbours.shown(choice(), rows(), [Neighbour(4, 0.98765)])
    assert shown == {"key": "music-0-0-train", "text": "play some jazz", "answer": "music", "cosine": 0.988}


def test_a_long_text_is_shown_short_and_on_one_line() -> None:
    said = neighbours.short(choice(), example("one\n two " + "x" * 500))
    assert said.startswith("one two xxx")
    assert len(said) == neighbours.SHORT
    assert said.endswith("…")
