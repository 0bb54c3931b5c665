"""Classes with few labels take turns."""

from __future__ import annotations

from labelwheel.backend.suggestions import rare
from labelwheel.backend.suggestions.so_far import SoFar
from tests.backend.suggestions.test_ordering import candidate, keys

order = keys(rare.order)


def test_the_class_with_the_fewest_labels_comes_first_and_the_surest_of_a_new_one() -> None:
    many = [candidate(number / 100, f"a{number}", f"word{number}") for number in range(10)]
    few = [candidate(number / 100, f"b{number}", f"word{number}", "topic b") for number in range(3)]
    found = order(many + few, 6, SoFar({"topic a": 1}))
    assert found == ["b0", "b2", "a9", "b1", "a8", "a7"]


def test_a_class_counts_for_the_question_that_it_was_given_to() -> None:
    yes, other = (candidate(0.5, key, key, f"{name} yes") for key, name in (("one", "is spam"), ("two", "is rude")))
    assert order([yes, other], 2, SoFar({"is spam yes": 3})) == ["two", "one"]
    assert order([yes, other], 2, SoFar({"is rude yes": 3})) == ["one", "two"]


def test_without_labels_they_take_turns_the_seldom_suggested_one_first() -> None:
    many = [candidate(0.5, f"a{number}", f"word{number}") for number in range(10)]
    few = [candidate(0.5, f"b{number}", f"word{number}", "topic b") for number in range(2)]
    assert [key[0] for key in order(many + few, 6)] == ["b", "a", "b", "a", "a", "a"]


def test_one_that_is_suggested_two_classes_is_there_once() -> None:
    both = candidate(0.1, "both", "x", "topic a\nmood b")
    one = candidate(0.2, "one", "y", "mood b")
    assert order([both, one], 5) == ["both", "one"]


def test_what_is_suggested_nothing_comes_last() -> None:
    bare = [candidate(number / 10, f"none{number}", f"word{number}", "") for number in range(3)]
    assert order([*bare, candidate(0.1, "a", "x")], 3) == ["a", "none2", "none1"]


def test_classes_without_end_take_bounded_memory(monkeypatch) -> None:
    monkeypatch.setattr(rare, "CLASSES", 10)
    found = rare.Rare({})
    monkeypatch.setattr(rare, "PER_CLASS", 2)
    for number in range(100):
        found.see(rare.considered(candidate(0.5, str(number), "x", f"topic {number % 50}")))
    assert len(found.ordered(1000)) == 20
