"""Half by what is unsure, half by chance, and no two of a kind in a row."""

from __future__ import annotations

from itertools import pairwise

from labelwheel.backend.suggestions import chance, mixture, uncertainty
from tests.backend.suggestions.test_ordering import candidate, keys

order = keys(mixture.order)


def test_they_take_turns() -> None:
    many = [candidate(number / 1000, str(number), f"word{number}", f"topic {number}") for number in range(1000)]
    found = order(many, 40)
    assert found[::2] == keys(uncertainty.order)(many, 20)
    assert found[1::2] == keys(chance.order)(many, 20)


def test_what_both_would_take_is_there_once_and_nothing_is_left_out() -> None:
    many = [candidate(number / 10, str(number), f"word{number}") for number in range(9)]
    assert sorted(order(many, 200)) == sorted(each.key for each in many)


def test_near_duplicates_are_never_in_a_row_while_there_is_anything_else() -> None:
    same = [candidate(0.9, f"same{number}", "where is my parcel please") for number in range(10)]
    other = [candidate(0.1, f"other{number}", f"card{number} refused{number}", "topic b") for number in range(30)]
    found = order(same + other, 20)
    assert any(key.startswith("same") for key in found)
    assert not any(one.startswith("same") and two.startswith("same") for one, two in pairwise(found))


def test_copies_alone_are_shown_all_the_same() -> None:
    same = [candidate(0.9, str(number), "where is my parcel") for number in range(5)]
    assert sorted(order(same, 200)) == ["0", "1", "2", "3", "4"]
