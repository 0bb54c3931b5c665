from __future__ import annotations

import pytest

from labelwheel.training.ranks.place import Place
from labelwheel.training.strategies.shares import Shares


@pytest.mark.parametrize("length", [1, 7, 16, 33, 50])
@pytest.mark.parametrize(("size", "part"), [(16, 16), (16, 1), (12, 5), (1, 1)])
@pytest.mark.parametrize("total", [2, 3, 8])
def test_together_they_have_the_batches_that_one_would_have(length: int, size: int, part: int, total: int) -> None:
    order = list(range(100, 100 + length))
    all_of_them = [Shares(order, length, size, part, Place(number, total, 0, {})) for number in range(total)]
    shares = [list(each) for each in all_of_them]
    assert {len(each) for each in shares} == {len(all_of_them[0])}, "all take as many steps"
    parts = all_of_them[0].parts
    assert max(len(rows) for each in shares for rows in each) <= part
    for step, start in enumerate(range(0, length, size)):
        taken = [row for each in shares for rows in each[step * parts : (step + 1) * parts] for row in rows]
        assert sorted(taken) == order[start : start + size]
    counts = [sum(map(len, each)) for each in shares]
    assert max(counts) - min(counts) <= -(-length // size)
