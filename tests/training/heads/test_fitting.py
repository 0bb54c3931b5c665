"""Fast heads of whole texts: they learn, follow label by label, say the same from a file, and leave names their say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads import files
from labelwheel.training.heads.bench import Bench, labels_of
from labelwheel.training.heads.blend import Blend, Counts, expected, fading
from labelwheel.training.heads.fitting import follow, measure
from labelwheel.training.heads.seen import Seen, Unlabelled
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part

WIDTH, LAYERS = 12, 3
OPTIONS = ("bread", "cheese", "wine")


def asked(kind: Kind = Kind.CHOICE, **more: object) -> Question:
    options = tuple(Option(value=value) for value in OPTIONS)
    values = {"name": "q", "kind": kind, "inputs": ("text",), "options": options}
    return Question(**(values | more))  # type: ignore[arg-type]


class Texts:
    """Made-up texts of three classes: what an encoder says of each, and a champion that is right in two of three."""

    def __init__(self, count: int, seed: int = 0, classes: int = 3) -> None:
        chance = np.random.default_rng(seed)
        self.classes = np.arange(count) % classes
        centres = np.random.default_rng(99).normal(size=(classes, WIDTH * (LAYERS + 1)))
        self.features = (centres[self.classes] + chance.normal(size=(count, centres.shape[1]))).astype(np.float16)
        said = np.where(chance.random(count) < 0.67, self.classes, (self.classes + 1) % classes)
        self.logits = np.eye(classes)[said].astype(np.float32) * 2

    def row(self, place: int, answer: object, part: Part = Part.TRAIN) -> LabelledExample:
        example = Example(key=str(place), fields={"text": f"text {place}"})
        return LabelledExample(example=example, answer=answer, part=part, group=str(place))

    def seen(self, places: range, answers: list[object]) -> list[Seen]:
        return [
            Seen(self.row(place, answers[place]), self.features[place : place + 1], self.logits[place : place + 1])
            for place in places
        ]


def bench(texts: Texts, question: Question, answers: list[object], count: int, loose: range | None = None) -> Bench:
    labels = labels_of(question)
    standing = Standing(labels if question.options else ("number",), {}, WIDTH)
    space = Space.of(texts.features, WIDTH)
    free = None
    if loose is not None:
        some = slice(loose.start, loose.stop)
        prior = standing.prior(kind_of(question), texts.features[some], texts.logits[some], labels)
        free = Unlabelled(space.rows(texts.features[some]), prior)
    return Bench(question, standing, space, texts.seen(range(count), answers), free)


def said(head: object, texts: Texts, places: range, question: Question) -> list[object]:
    rows = [Encoding(number, ()) for number in range(len(places))]
    examples = [texts.row(place, None).example for place in places]
    values = head.values(list(texts.features[places.start :]), list(texts.logits[places.start :]))  # type: ignore[attr-defined]
    return [one.answer for one in head.decode(question, examples, rows, values)]  # type: ignore[attr-defined]


def test_a_head_learns_what_its_champion_does_not_know() -> None:
    texts = Texts(300)
    answers: list[object] = [OPTIONS[number] for number in texts.classes]
    found = measure(bench(texts, asked(), answers, 60, range(60, 300)), 5.0)
    rest = range(60, 300)
    right = np.mean(
        [one == answers[place] for place, one in zip(rest, said(found.head, texts, rest, asked()), strict=True)]
    )
    champion = np.mean(texts.logits[60:].argmax(axis=1) == texts.classes[60:])
    assert right > champion + 0.15
    # what it says of itself out of fold is what it is worth
    honest = np.mean([one.answer == answers[place] for place, one in enumerate(found.out_of_fold)])
    assert abs(honest - right) < 0.12


@pytest.mark.parametrize("told", [True, False])
def test_labels_that_a_champion_has_learnt_do_not_tell_how_sure_a_head_is(told: bool) -> None:
    """It is sure of eighty of a hundred labels, which it has learnt, and as sure of others, where it is often wrong."""
    texts = Texts(500)
    answers: list[object] = [OPTIONS[number] for number in texts.classes]
    texts.features = np.random.default_rng(1).normal(size=texts.features.shape).astype(np.float16)
    texts.logits *= 3
    texts.logits[:80] = np.eye(3)[texts.classes[:80]] * 6
    one = bench(texts, asked(), answers, 100)
    one.seen = [
        replace(each, row=each.row.model_copy(update={"fresh": not told or place >= 80}))
        for place, each in enumerate(one.seen)
    ]
    head, rest = measure(one, 5.0).head, range(100, 500)
    examples = [texts.row(place, None).example for place in rest]
    values = head.values(list(texts.features[100:]), list(texts.logits[100:]))
    found = head.decode(asked(), examples, [Encoding(number, ()) for number in range(400)], values)
    right = np.mean([said.answer == answers[place] for place, said in zip(rest, found, strict=True)])
    sure = np.mean([said.score for said in found])
    assert bool(sure < right + 0.1) is told, (sure, right)


def test_following_label_by_label_ends_where_a_new_fit_ends() -> None:
    texts = Texts(200)
    answers: list[object] = [OPTIONS[number] for number in texts.classes]
    last = measure(bench(texts, asked(), answers, 30), 5.0)
    space = last.space
    for count in range(31, 50):
        one = bench(texts, asked(), answers, count)
        one.space = space
        last = follow(one, last, 5.0)
    whole = bench(texts, asked(), answers, 49)
    whole.space = space
    anew = follow(whole, measure(whole, 5.0), 5.0)
    rest = range(50, 200)
    both = zip(said(last.head, texts, rest, asked()), said(anew.head, texts, rest, asked()), strict=True)
    assert np.mean([one == other for one, other in both]) > 0.97


@pytest.mark.parametrize("named", [True, False])
def test_a_head_from_its_file_says_the_same(named: bool) -> None:
    texts = Texts(90)
    answers: list[object] = [OPTIONS[number] for number in texts.classes]
    one = bench(texts, asked(), answers, 40)
    if named:
        names = np.random.default_rng(1).normal(size=(3, WIDTH)).astype(np.float32)
        one.standing = Standing(OPTIONS, {}, WIDTH, names / np.linalg.norm(names, axis=1, keepdims=True))
    head = measure(one, 5.0).head
    again = files.load(head.dump())
    rows = list(texts.features[40:]), list(texts.logits[40:])
    for here, there in zip(head.values(*rows), again.values(*rows), strict=True):
        assert np.allclose(here, there, atol=0.02)
    assert again.dump() == files.load(again.dump()).dump()


@pytest.mark.parametrize("damage", [b"", b"\x00" * 40, b"\xff" * 200])
def test_what_is_no_head_is_refused(damage: bytes) -> None:
    with pytest.raises(InvalidCheckpoint):
        files.load(damage)
    with pytest.raises(InvalidCheckpoint, match="no fast head 'other'"):
        files.load(files.pack("other", {"a": np.zeros(1)}, {}))
    with pytest.raises(InvalidCheckpoint, match="lacks"):
        files.load(files.pack("linear", {"a": np.zeros(1)}, {}))


def test_a_number_is_learnt_on_top_of_what_the_champion_says() -> None:
    texts = Texts(200)
    question = asked(Kind.NUMBER, options=(), minimum=0, maximum=100)
    answers: list[object] = [int(10 + 40 * number) for number in texts.classes]
    texts.logits = np.full((200, 1), 50.0, dtype=np.float32)
    one = bench(texts, question, answers, 80)
    head = files.load(measure(one, 5.0).head.dump())
    found = said(head, texts, range(80, 200), question)
    assert np.mean([abs(one - answers[place]) for place, one in zip(range(80, 200), found, strict=True)]) < 15  # type: ignore[operator]


def test_several_options_each_by_itself() -> None:
    texts = Texts(200)
    question = asked(Kind.CHOICES)
    answers: list[object] = [[OPTIONS[0], OPTIONS[number]] if number else [OPTIONS[0]] for number in texts.classes]
    texts.logits = np.full((200, 3), -2.0, dtype=np.float32)
    head = measure(bench(texts, question, answers, 80), 5.0).head
    found = said(head, texts, range(80, 200), question)
    assert np.mean([one == answers[place] for place, one in zip(range(80, 200), found, strict=True)]) > 0.6


def test_sides_are_compared_by_their_difference() -> None:
    chance = np.random.default_rng(3)
    direction = chance.normal(size=WIDTH * (LAYERS + 1))
    question = Question(name="q", kind=Kind.PAIRWISE, inputs=("a", "b"))
    seen = []
    for place in range(60):
        features = chance.normal(size=(2, len(direction)))
        better = "left" if features[0] @ direction > features[1] @ direction else "right"
        example = Example(key=str(place), fields={"a": f"a{place}", "b": f"b{place}"})
        row = LabelledExample(example=example, answer=better, part=Part.TRAIN, group=str(place))
        seen.append(Seen(row, features.astype(np.float16), np.zeros((2, 1), dtype=np.float32)))
    space = Space.of(np.concatenate([one.features for one in seen]), WIDTH)
    found = measure(Bench(question, Standing(("preference",), {}, WIDTH), space, seen), 5.0)
    assert np.mean([said.answer == one.row.answer for one, said in zip(seen, found.out_of_fold, strict=True)]) > 0.65


def test_a_label_without_an_example_keeps_what_its_name_says() -> None:
    """With 16 labels of many classes most have none; that says nothing against them."""
    few, many = Counts(np.array([1, 1, 1, 0, 0, 0])), Counts(np.array([20, 20, 20, 0, 0, 0]))
    for one in (few, many):
        assert np.allclose(np.exp(one.likely(np.zeros((2, 6)))).sum(axis=1), 1.0)
    assert np.exp(few.likely(np.zeros((1, 6)))[0, 3:]).sum() > 0.5
    assert np.exp(many.likely(np.zeros((1, 6)))[0, 3:]).sum() < 0.05


def test_the_blend_follows_the_evidence() -> None:
    chance = np.random.default_rng(0)
    targets = chance.integers(0, 3, 60)
    good, bad = np.eye(3)[targets] * 4 + chance.normal(size=(60, 3)), chance.normal(size=(60, 3)) * 4
    usual = fading(60, 3)
    assert usual.share == 0.2, "with twenty labels of each class names count a fifth, as much as five would"
    assert expected(good, bad, targets.tolist(), 3).share < usual.share
    assert expected(bad, good, targets.tolist(), 3).share > usual.share
    assert expected(good, bad, targets[:1].tolist(), 3) != Blend(3.0, 2.0)


def test_one_label_more_changes_a_blend_by_little() -> None:
    """The least loss of what is tried jumps by a third or more, where it does."""
    chance = np.random.default_rng(0)
    targets = chance.integers(0, 2, 24)
    learnt, known = (np.eye(2)[targets] + chance.normal(scale=1.5, size=(24, 2)) for _ in range(2))
    found = [expected(learnt[:n], known[:n], targets[:n].tolist(), 2) for n in range(12, 25)]
    for one, other in pairwise(found):
        assert abs(np.log(one.sharpness / other.sharpness)) < 0.3
        assert abs(np.log(one.share / other.share)) < 0.3
    assert 0.5 < found[0].sharpness < 3.0, "no end of what is tried, where a few labels leave much open"


def test_nothing_of_it_loads_torch() -> None:
    code = (
        "import sys, labelwheel.training.heads.fitting, labelwheel.training.heads.files;"
        "import labelwheel.backend.revisions.fast_lane; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
