"""The running mean of heads: what it keeps of before, whom it leaves alone, and what it says from a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labelwheel.training.heads import files
from labelwheel.training.heads.averaging import averaged, kept
from labelwheel.training.heads.blend import Blend
from labelwheel.training.heads.fitting import Fitted, follow, measure
from labelwheel.training.heads.linear import LinearHead
from labelwheel.training.heads.standing import Standing
from labelwheel.training.heads.ticks import Ticks
from tests.training.heads.test_fitting import OPTIONS, WIDTH, Texts, asked, bench


def on_names(texts: Texts, count: int) -> Fitted:
    """A head on names that say next to nothing."""
    return measure(ground(texts, count), 5.0)


def ground(texts: Texts, count: int):  # type: ignore[no-untyped-def]
    one = bench(texts, asked(), [OPTIONS[number] for number in texts.classes], count)
    names = np.random.default_rng(1).normal(size=(3, WIDTH)).astype(np.float32)
    one.standing = Standing(OPTIONS, {}, WIDTH, names / np.linalg.norm(names, axis=1, keepdims=True))
    return one


def values(head: LinearHead, texts: Texts) -> np.ndarray:
    found = np.stack(head.values(list(texts.features), list(texts.logits)))
    return found - found.mean(axis=1, keepdims=True)


def test_a_mean_lies_between_what_it_is_of() -> None:
    texts = Texts(120)
    old, new = on_names(texts, 12).head, on_names(texts, 15).head
    found = averaged(new, old, 0.5)
    assert np.allclose(found.weight, (old.weight + new.weight) / 2, atol=1e-6)
    assert np.allclose(found.bias, (old.bias + new.bias) / 2, atol=1e-6)
    assert None not in (old.blend, new.blend, found.blend)
    assert np.isclose(found.blend.share, np.sqrt(old.blend.share * new.blend.share))  # type: ignore[union-attr]
    apart = np.abs(values(old, texts) - values(new, texts)).mean()
    assert apart > 0.05
    assert np.abs(values(found, texts) - values(new, texts)).mean() < 0.8 * apart
    assert found.calibration == new.calibration
    assert np.array_equal(found.counts.counts, new.counts.counts)
    again = files.load(found.dump())
    assert np.allclose(values(again, texts), values(found, texts), atol=0.02)  # type: ignore[arg-type]


def test_a_class_that_was_not_seen_before_is_as_it_is_learnt() -> None:
    texts = Texts(120)
    texts.classes[:9] = np.arange(9) % 2
    old, new = on_names(texts, 9).head, on_names(texts, 12).head
    assert old.counts.counts[2] == 0 < new.counts.counts[2]
    found = averaged(new, old, 0.5)
    assert np.array_equal(found.weight[2], new.weight[2])
    assert not np.allclose(found.weight[0], new.weight[0])


def test_heads_with_too_little_in_common_are_left_alone() -> None:
    texts = Texts(120)
    old, new = on_names(texts, 12).head, on_names(texts, 15).head
    for other in (
        replace(old, labels=("x", "y", "z")),
        replace(old, common=old.common + 1),
        replace(old, scale=2.0),
        replace(old, standing=Standing(OPTIONS, {}, WIDTH)),
        replace(old, blend=None),
    ):
        assert averaged(new, other, 0.5) is new
    on_top, several = replace(new, blend=None), replace(new, counts=Ticks(new.counts.counts, 0.0, 15))
    assert averaged(on_top, replace(old, blend=Blend()), 0.5) is on_top
    assert averaged(several, several, 0.5) is several


def test_what_follows_a_label_keeps_the_same_head_of_before() -> None:
    texts = Texts(120)
    old, new = on_names(texts, 12), on_names(texts, 15)
    last = new.after(old)
    one = ground(texts, 16)
    one.space = last.space
    found, alone = follow(one, last, 5.0), follow(one, new, 5.0)
    assert np.allclose(found.learnt.weight, alone.head.weight, atol=1e-4), "the search begins at what was learnt"
    share = kept(15)
    assert 0.3 < share < 1.0
    assert np.allclose(found.head.weight, share * old.head.weight + (1 - share) * alone.head.weight, atol=1e-4)


@pytest.mark.parametrize("what", ["corrected", "gone"])
def test_a_label_that_is_corrected_or_gone_takes_along_what_was_learnt_from_it(what: str) -> None:
    texts = Texts(120)
    old, new = on_names(texts, 12), on_names(texts, 15)
    last = new.after(old)
    assert last.before is not None
    assert last.head is not last.learnt
    one = ground(texts, 16)
    one.space = last.space
    changed = one.seen[3]
    if what == "gone":
        one.seen.remove(changed)
    else:
        other = next(each for each in OPTIONS if each != changed.row.answer)
        one.seen[3] = replace(changed, row=changed.row.model_copy(update={"answer": other}))
    assert follow(ground(texts, 16), last, 5.0).before is last.before
    found = follow(one, last, 5.0)
    assert found.before is None
    assert found.head is found.learnt
    assert replace(new, seen=one.seen).after(old).before is None, "nor where it is measured anew"


def test_the_more_labels_the_less_counts_what_was_before() -> None:
    shares = [kept(count) for count in (0, 8, 32, 64, 128, 1024)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] < 1.0
    assert shares[-1] < 0.05
