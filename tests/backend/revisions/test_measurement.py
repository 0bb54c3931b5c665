"""What a measurement makes of a head: the mean with what is served, where something is."""

from __future__ import annotations

import numpy as np

from labelwheel.backend.revisions import measurement
from labelwheel.backend.revisions.features import Champion
from tests.training.heads.test_averaging import ground, on_names
from tests.training.heads.test_fitting import OPTIONS, WIDTH, Texts


def test_a_head_that_is_served_is_averaged_with_the_next_one() -> None:
    texts = Texts(120)
    champion = Champion("v", "names", OPTIONS, {}, WIDTH)
    first = measurement.take(ground(texts, 15), champion, served=False)
    assert first.fitted.head is first.fitted.learnt
    last = on_names(texts, 12)
    then = measurement.take(ground(texts, 15), champion, True, last)
    assert np.allclose(then.fitted.learnt.weight, first.fitted.head.weight)
    assert then.fitted.before is not None
    assert then.fitted.before.head is last.head
    unserved = measurement.take(ground(texts, 15), champion, False, last)
    assert unserved.fitted.head is unserved.fitted.learnt
