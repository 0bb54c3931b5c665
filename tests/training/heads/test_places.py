"""What is known of labelled examples again: only what is new is computed, and the rest says the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelwheel.training.heads.bench import Bench, labels_of
from labelwheel.training.heads.places import Places
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.kinds import kind_of
from tests.training.heads.test_fitting import WIDTH, Texts, asked

QUESTION = asked()


def test_of_examples_of_before_nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = Texts(30), labels_of(QUESTION)
    standing, space = Standing(labels, {}, WIDTH), Space.of(texts.features, WIDTH)
    seen = texts.seen(range(30), ["bread"] * 30)
    places, computed = Places(kind_of(QUESTION), labels, standing, space), list[int]()
    real = Space.rows

    def rows(self: Space, features: np.ndarray) -> Any:
        computed.append(len(features))
        return real(self, features)

    monkeypatch.setattr(Space, "rows", rows)
    for chosen, new in ((seen[:20], [20]), (seen[:21], [1]), (seen[5:21], []), (seen[3:25], [2 + 4]), (seen[3:25], [])):
        computed.clear()
        bench = Bench(QUESTION, standing, space, chosen, places=places)
        found = bench.rows, bench.prior
        assert computed == new
        anew = Bench(QUESTION, standing, space, chosen)
        np.testing.assert_allclose(found[0], anew.rows, rtol=1e-5)
        np.testing.assert_allclose(found[1], anew.prior, rtol=1e-5)
