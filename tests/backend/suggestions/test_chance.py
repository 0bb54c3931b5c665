"""An order that says nothing about what the model makes of an example."""

from __future__ import annotations

import numpy as np

from labelwheel.backend.suggestions import chance
from tests.backend.suggestions.test_ordering import candidate, keys

order = keys(chance.order)


def test_what_is_next_stays_next_while_others_come_and_go() -> None:
    many = [candidate(0.5, str(number), "word") for number in range(100)]
    first = order(many, 10)
    answered, more = set(first[:3]), [candidate(0.5, str(number), "word") for number in range(100, 110)]
    later = order([each for each in many + more if each.key not in answered], 20)
    assert [key for key in later if int(key) < 100][:7] == first[3:]


def test_it_is_as_sure_of_what_it_draws_as_of_all() -> None:
    many = [candidate(number / 4000, str(number), "word") for number in range(4000)]
    drawn = np.mean([int(key) / 4000 for key in order(many, 400)])
    assert abs(drawn - 0.5) < 4 * np.sqrt(1 / 12 / 400)


def test_none_are_asked_for() -> None:
    assert order([candidate(0.5, "1", "word")], 0) == []
