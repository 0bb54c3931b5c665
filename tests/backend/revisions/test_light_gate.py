"""The light gate: names stay until they are beaten, evenly; what is served stays until it is worse."""

from __future__ import annotations

import pytest

from labelwheel.backend.revisions.light_gate import judge
from labelwheel.training.questions import Example, Kind, Option, Prediction
from labelwheel.training.spec import LabelledExample, Part
from tests.backend.serving.fakes import question


def rows(*answers: str) -> list[LabelledExample]:
    return [
        LabelledExample(example=Example(key=str(n), fields={"text": "x"}), answer=answer, part=Part.TRAIN, group=str(n))
        for n, answer in enumerate(answers)
    ]


def told(*answers: str) -> list[Prediction]:
    return [Prediction(answer=answer, score=0.9) for answer in answers]


GOLD = ("good", "bad", "so-so") * 8
HALF = tuple("good" for _ in GOLD)


def test_a_better_head_beats_the_names_and_a_worse_one_does_not() -> None:
    passed = judge(question(), rows(*GOLD), told(*GOLD), told(*HALF), named=True, served=False)
    assert passed.passes
    assert passed.reason.startswith("labels are ahead of the label names: "), "half an error beats nobody"
    found = judge(question(), rows(*GOLD), told(*HALF), told(*GOLD), named=True, served=False)
    assert not found.passes
    assert found.gain < 0
    assert "not beaten" in found.reason


def test_a_head_that_has_only_learnt_the_commonest_class_does_not_pass() -> None:
    """The first labels come as people find them: nine of ten are of one class."""
    gold = ("good",) * 18 + ("bad", "so-so")
    champion = ("bad",) * 4 + ("good",) * 14 + ("bad", "so-so")
    assert not judge(question(), rows(*gold), told(*("good",) * 20), told(*champion), named=True, served=False).passes


@pytest.mark.parametrize(("better", "worse", "passes"), [(6, 0, True), (4, 1, True), (4, 3, False), (3, 3, False)])
def test_names_are_not_beaten_by_next_to_nothing(better: int, worse: int, passes: bool) -> None:
    """So many of 24 labels that only one of the two has right: ahead by 4 to 3 is chance as often as not."""
    other = {"good": "bad", "bad": "so-so", "so-so": "good"}
    names = tuple(other[answer] if place < better else answer for place, answer in enumerate(GOLD))
    head = tuple(other[answer] if better <= place < better + worse else answer for place, answer in enumerate(GOLD))
    found = judge(question(), rows(*GOLD), told(*head), told(*names), named=True, served=False)
    assert (found.passes, found.gain > 0) == (passes, better > worse), found.reason


@pytest.mark.parametrize(("alone", "wrong", "passes"), [(0, 3, True), (20, 3, False), (20, 8, True)])
def test_where_most_classes_have_no_label_names_are_to_be_beaten_more_plainly(
    alone: int, wrong: int, passes: bool
) -> None:
    """Labels that are the only ones of their class tell how many texts are of classes that nobody has met."""
    gold = GOLD + tuple(f"class {number}" for number in range(alone))
    other = {"good": "bad", "bad": "so-so", "so-so": "good"}
    names = tuple(other[answer] if place < wrong else answer for place, answer in enumerate(GOLD)) + gold[24:]
    head = tuple(other[answer] if place == wrong else answer for place, answer in enumerate(GOLD)) + gold[24:]
    found = judge(question(), rows(*gold), told(*head), told(*names), named=True, served=False)
    assert (found.passes, found.gain > 0) == (passes, True), found.reason


def test_where_several_options_may_fit_lone_ones_ask_for_no_more() -> None:
    asked = question().model_copy(update={"kind": Kind.CHOICES})
    lone = [[f"class {number}"] for number in range(20)]
    golds = [[answer] for answer in GOLD] + lone
    labelled = [row.model_copy(update={"answer": gold}) for row, gold in zip(rows(*("x",) * 44), golds, strict=True)]
    head, names = ([Prediction(answer=gold, score=0.9, item_scores=(0.9,)) for gold in golds] for _ in range(2))
    for place in range(3):
        names[place] = Prediction(answer=["so-so" if golds[place] == ["bad"] else "bad"], score=0.9, item_scores=(0.9,))
    head[3] = Prediction(answer=["bad"], score=0.9, item_scores=(0.9,))
    found = judge(asked, labelled, head, names, named=True, served=False)
    assert (found.passes, found.gain > 0) == (True, True), found.reason


@pytest.mark.parametrize("served", [False, True])
def test_labels_of_one_class_alone_never_beat_the_names(served: bool) -> None:
    """A file that is sorted by class begins like this: a head that says nothing else is right about all of it."""
    names = told(*("bad", "good") * 15)
    found = judge(question(), rows(*("good",) * 30), told(*("good",) * 30), names, named=True, served=served)
    assert found.passes is served, "it was let through by labels of several classes, which are gone"
    if not served:
        assert "all labels are of one class" in found.reason


def test_spans_of_one_sort_beat_nothing() -> None:
    asked = question().model_copy(update={"kind": Kind.SPANS, "options": (Option(value="name"),)})
    span = [{"start": 0, "end": 1, "label": "name"}]
    golds = [row.model_copy(update={"answer": span}) for row in rows(*("x",) * 30)]
    good, none = [Prediction(answer=span, score=0.9)] * 30, [Prediction(answer=[], score=0.9)] * 30
    assert judge(asked, golds, good, none, named=True, served=False).passes


@pytest.mark.parametrize(
    ("counts", "passes"), [((4, 4, 4), True), ((3, 3, 3), False), ((16, 2, 2), False), ((30, 8, 8), True)]
)
def test_against_names_labels_count_as_they_are_spread(counts: tuple[int, ...], passes: bool) -> None:
    gold = tuple(name for name, count in zip(("good", "bad", "so-so"), counts, strict=True) for _ in range(count))
    names = tuple("good" if answer == "bad" else answer for answer in gold)
    found = judge(question(), rows(*gold), told(*gold), told(*names), named=True, served=False)
    assert (found.passes, found.gain > 0) == (passes, True), found.reason


def test_a_class_with_a_single_label_does_not_keep_a_better_head_away() -> None:
    """No head that was measured on it has seen its class, and names may have guessed it."""
    gold = (*GOLD, *GOLD, "lone")
    champion, head = (*HALF, *HALF, "lone"), (*GOLD, *GOLD, "good")
    assert judge(question(), rows(*gold), told(*head), told(*champion), named=True, served=False).passes
    nearly = (*("bad", "good") * 4, *gold[8:-1], "good")  # a gain of .31 a label where it can be learnt
    assert judge(question(), rows(*gold), told(*nearly), told(*champion), named=True, served=False).passes
    singles = tuple(f"class {number}" for number in range(20))
    assert not judge(question(), rows(*singles), told(*HALF[:20]), told(*singles), named=True, served=False).passes


def test_few_labels_say_nothing() -> None:
    found = judge(question(), rows(*GOLD[:7]), told(*GOLD[:7]), told(*HALF[:7]), named=True, served=False)
    assert not found.passes
    assert "7 labels" in found.reason


def test_what_is_served_stays_on_a_tie_and_goes_when_it_is_worse() -> None:
    tie = judge(question(), rows(*GOLD), told(*HALF), told(*HALF), named=False, served=True)
    assert tie.passes
    assert not judge(question(), rows(*GOLD), told(*HALF), told(*HALF), named=False, served=False).passes
    assert not judge(question(), rows(*GOLD), told(*HALF), told(*GOLD), named=False, served=True).passes


@pytest.mark.parametrize(
    ("worse", "named", "passes"),
    [(3, True, True), (3, False, False), (6, True, False), (6, False, False)],
)
def test_what_has_beaten_the_names_goes_when_that_is_no_chance(worse: int, named: bool, passes: bool) -> None:
    """So many of 24 labels that only the champion has right: it is looked at again with every other label."""
    other = {"good": "bad", "bad": "so-so", "so-so": "good"}
    head = tuple(other[answer] if place < worse else answer for place, answer in enumerate(GOLD))
    found = judge(question(), rows(*GOLD), told(*head), told(*GOLD), named=named, served=True)
    assert (found.passes, found.gain < 0) == (passes, True), found.reason
