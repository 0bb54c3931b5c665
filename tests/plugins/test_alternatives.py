from __future__ import annotations

from labelwheel.plugins.alternatives import alternatives


def test_the_names_most_alike_come_first_and_the_rest_is_counted() -> None:
    there = [(f"set {number}", f"{number} (set {number})") for number in range(30)] + [("Intents", "30 (Intents)")]
    said = alternatives("intent", there)
    assert said.startswith("30 (Intents), 0 (set 0), 1 (set 1)")
    assert said.endswith("18 (set 18) and 11 more")


def test_nothing_there_is_said() -> None:
    assert alternatives("intent", []) == "none"


def test_two_of_one_name_are_both_shown() -> None:
    assert alternatives("a", [("a", "1 (a)"), ("a", "2 (a)")]) == "1 (a), 2 (a)"
