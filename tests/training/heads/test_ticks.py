"""Options decided one by one: what names say of each, how it fades, and what is left to options that nobody chose."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from labelwheel.training.heads import files, ticks
from labelwheel.training.heads.bench import Bench, labels_of
from labelwheel.training.heads.fitting import follow, measure
from labelwheel.training.heads.linear import LinearHead
from labelwheel.training.heads.seen import Unlabelled
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.heads.ticks import Ticks
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.choices import LEAD
from labelwheel.training.questions import Kind, Option, Question
from tests.training.heads.test_fitting import LAYERS, WIDTH, Texts

CLASSES = 12
VALUES = tuple(f"option {number}" for number in range(CLASSES))


class Named:
    """Texts of twelve options that the names know well, and a head on the labels of some of them."""

    def __init__(self, among: int = CLASSES, count: int = 24) -> None:
        options = tuple(Option(value=value) for value in VALUES)
        self.question = Question(name="q", kind=Kind.CHOICES, inputs=("text",), options=options)
        self.texts = Texts(600, classes=CLASSES)
        centres = np.random.default_rng(99).normal(size=(CLASSES, WIDTH * (LAYERS + 1)))[:, :WIDTH]
        self.names = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
        self.standing = Standing(labels_of(self.question), {}, WIDTH, self.names)
        self.space = Space.of(self.texts.features, WIDTH)
        answers: list[object] = [[VALUES[number]] for number in self.texts.classes]
        here = [place for place in range(600) if self.texts.classes[place] < among][:count]
        self.seen = [one for place in here for one in self.texts.seen(range(place, place + 1), answers)]
        self.rest = [place for place in range(600) if self.texts.classes[place] >= 2]
        self.prior = self.standing.prior(
            kind_of(self.question), self.texts.features, self.texts.logits, labels_of(self.question)
        )

    def bench(self, loose: bool = True, pool: np.ndarray | None = None) -> Bench:
        free = Unlabelled(self.space.rows(self.texts.features), self.prior) if loose else None
        return Bench(self.question, self.standing, self.space, self.seen, free, pool=pool)

    def right(self, head: LinearHead) -> float:
        """The share of texts of the options after the first two that are answered by their own option alone."""
        rows = [Encoding(number, ()) for number in range(len(self.rest))]
        values = head.values(list(self.texts.features[self.rest]), list(self.texts.logits[self.rest]))
        examples = [self.texts.row(place, None).example for place in self.rest]
        answers = [one.answer for one in head.decode(self.question, examples, rows, values)]
        wanted = [[VALUES[self.texts.classes[place]]] for place in self.rest]
        return float(np.mean([one == other for one, other in zip(answers, wanted, strict=True)]))


def test_an_option_is_known_by_its_share_among_all() -> None:
    near = np.array([[6.0, 6.0, 0.0], [9.0, 1.0, 1.0]])
    likely = expit(ticks.known(near))
    assert np.allclose(likely.sum(axis=1), 1.0, atol=0.03)
    assert likely[0, 0] == pytest.approx(0.5, abs=0.01)
    assert np.allclose(likely, expit(ticks.known(near + 5.0))), "how near all of them are says nothing"


def test_an_only_option_goes_by_how_near_its_name_is() -> None:
    far, near = ticks.known(np.array([[1.0], [12.0]]))[:, 0]
    assert far < 0.0 < near


def test_names_fade_as_labels_come() -> None:
    shares = [ticks.fading(count, 10).share for count in (0, 16, 64, 1000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1.0
    assert shares[-1] < 0.1


def test_what_no_label_tells_of_is_left_to_the_options_that_nobody_chose() -> None:
    counts, learnt, known = np.array([20, 20, 0, 0]), np.array([[1.0, 1.0, -6.0, -6.0]]), np.array([[-4.0, -4, 3, -4]])
    blend = ticks.fading(40, 4)
    by_chance = Ticks(counts, 0.0, 40).together(learnt, known, blend)
    assert np.allclose(by_chance, learnt + blend.share * known)
    sorted_file = Ticks(counts, 0.9, 40).together(learnt, known, blend)
    assert sorted_file[0, 2] > 0.0 > by_chance[0, 2], "its name stands out"
    assert sorted_file[0, 3] < 0.0, "its name does not"
    assert (sorted_file[0, :2] < by_chance[0, :2]).all(), "it is hardly about what was chosen elsewhere"
    about = np.array([[4.0, -4.0, -4.0, -4.0]])
    assert np.allclose(
        Ticks(counts, 0.9, 40).together(learnt, about, blend)[0, 0], (learnt + blend.share * about)[0, 0], atol=0.2
    )


def test_a_head_of_the_first_lines_leaves_the_other_options_to_their_names() -> None:
    named = Named(among=2, count=60)
    found = measure(named.bench(), 5.0)
    assert named.right(found.head) > 0.7
    more = Named(among=2, count=100)
    known, unknown = (more.right(measure(more.bench(loose), 5.0).head) for loose in (True, False))
    assert unknown < known - 0.2, "nobody knows that there is more"
    again = files.load(found.head.dump())
    assert isinstance(again, LinearHead)
    assert isinstance(again.counts, Ticks)
    assert again.counts.texts == 60
    assert again.counts.elsewhere == found.head.counts.elsewhere > 0.5
    assert named.right(again) == pytest.approx(named.right(found.head), abs=0.02)
    followed = follow(named.bench(loose=False, pool=found.pool), found, 5.0)
    assert followed.head.counts.elsewhere == found.head.counts.elsewhere
    assert named.right(followed.head) > 0.7


def test_a_handful_of_labels_suggests_what_stands_out() -> None:
    """Of so few no threshold can be told: one half would leave nearly all texts without a suggestion."""
    named = Named(count=8)
    head = measure(named.bench(), 5.0).head
    assert LEAD in head.calibration
    assert named.right(head) > 0.6
    assert LEAD not in measure(Named(count=24).bench(), 5.0).head.calibration


def test_labels_that_came_by_chance_tell_of_nearly_everything() -> None:
    named = Named(count=60)
    found = measure(named.bench(), 5.0)
    assert found.head.counts.elsewhere < 0.2
    assert named.right(found.head) > 0.8


def test_a_head_of_before_is_read_as_it_was_meant() -> None:
    """It stood on absolute cosines; nothing may be warmed up from it."""
    named = Named()
    before = Standing(named.standing.labels, {}, WIDTH, named.names, shares=False)
    about = before.about()
    del about["shares"]
    again = Standing.read(about, named.names)
    assert not again.shares
    assert not again.like(named.standing)
    kind, labels = kind_of(named.question), labels_of(named.question)
    values = again.prior(kind, named.texts.features[:5], named.texts.logits[:5], labels)
    assert (values.max(axis=1) > 5.0).all()
    bench = Bench(named.question, before, named.space, named.seen)
    head = measure(bench, 5.0).head
    assert head.blend is None
    assert not isinstance(head.counts, Ticks)


def test_no_label_more_makes_options_much_more_or_less_frequent_at_once() -> None:
    """How often each fits, its name tells with the labels: at the 32nd, labels alone began to tell it once."""
    biases = []
    for count in (31, 32):
        bench = Named(count=count).bench()
        biases.append(np.abs(bench.regression(range(count), None, None, 60.0).bias).mean())
    assert biases[1] == pytest.approx(biases[0], rel=0.2)
