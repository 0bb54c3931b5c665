"""The split holds for life: nothing that comes later moves an example, and near-duplicates never face each other."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelwheel.training.evaluation.families import CROWD, FAMILY, REPRESENTATIVES, Families, split
from labelwheel.training.evaluation.splits import NEAR, Placement, Text, signature, similarity
from labelwheel.training.spec import Part

TEXTS = st.lists(st.text(alphabet="abc 1!é🙂", max_size=14), max_size=25)
SIDES = {Part.TRAIN, Part.HELD_OUT}
WORDS = "anna ben carla david elena felix greta hanna ivan julia karl lena marco nina otto paula quinn rosa sven tina"


def lines(count: int) -> list[str]:
    """Lines of one template that differ by their numbers."""
    return [f"Payment of {17 * number}.{number % 100:02} received on account {number**3}" for number in range(count)]


def others(count: int) -> list[str]:
    """Texts that nothing is like."""
    return [" ".join(f"{(number * 7919 + k) ** 5:x}"[-7:] for k in range(6)) for number in range(count)]


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_sides_never_depend_on_later_texts(first, later):
    found = split(first + later)[: len(first)]
    assert [part for _, part in found] == [part for _, part in split(first)]


@given(TEXTS)
@settings(deadline=None)
def test_no_near_duplicate_is_on_the_other_side_and_each_group_has_one_part(texts):
    families = Families(share=0.5)
    for text in texts:
        families.place([Text(text)])
    placed = [(families.texts[text.key], text) for text in map(Text, texts)]
    for (one, text), (other, other_text) in itertools.combinations(placed, 2):
        if families.cut or text.is_numeric or other_text.is_numeric:
            break  # there texts that are alike may face each other, on purpose
        if {one.part, other.part} == SIDES and set(text.signature.bands) & set(other_text.signature.bands):
            assert similarity(text.signature, other_text.signature) < NEAR
    for (group, part), _ in placed:
        assert all(other.part == part for other, _ in placed if other.group == group)


def test_a_text_near_to_both_sides_is_apart_and_its_twins_with_it():
    text = "the delivery came late and the box was damaged, I want my money back today"
    families = Families(total=9)
    families.remember(Text(text + " a"), Placement("g1", Part.TRAIN))
    families.remember(Text("x " + text), Placement("g2", Part.HELD_OUT))
    placement = families.place([Text(text)])
    assert placement.part is Part.APART
    assert placement.group not in {"g1", "g2"}
    assert families.place([Text(text)]) == families.place([Text(text.upper())]) == placement


def test_copies_of_a_text_are_one_group_whatever_their_number():
    found = split([f"{'Where' if number % 2 else 'WHERE'} is my parcel{'!' * number}" for number in range(200)])
    assert len(set(found)) == 1


def test_a_family_that_is_large_is_cut_and_nothing_that_is_placed_moves():
    texts = others(20) + lines(300)
    families, before = Families("salt"), dict[str, Placement]()
    for number, text in enumerate(texts):
        families.place([Text(text)])
        if number == 25:
            before = dict(families.texts)
            assert len({before[Text(each).key].group for each in lines(6)}) == 1
    found = [families.texts[Text(text).key] for text in lines(300)]
    assert len({each.group for each in found}) == 300
    held_out = sum(each.part is Part.HELD_OUT for each in found[FAMILY:])
    assert 0.12 < held_out / (300 - FAMILY) < 0.28
    assert all(families.texts[key].part == each.part for key, each in before.items())
    assert next(iter(families.cut.values())) in texts


def test_a_family_that_is_a_small_share_of_many_texts_stays_whole():
    families = Families("salt")
    for text in others(600) + lines(30):
        families.place([Text(text)])
    assert len({families.texts[Text(text).key] for text in lines(30)}) == 1
    assert not families.cut


@pytest.mark.parametrize(
    "texts",
    [
        [str(number) for number in range(200)],  # numbers alone
        [f"{number}.{number % 7} kg" for number in range(200)],
        lines(200),
        [f"Please deliver the parcel that has been waiting for days to {one} and {other}"
         for one in WORDS.split() for other in WORDS.split()[:10]],
    ],
    ids=["numbers", "weights", "template", "names"],
)  # fmt: skip
def test_texts_that_are_all_alike_are_on_both_sides_in_many_groups(texts):
    found = split(texts, salt="p")
    parts = [part for _, part in found]
    assert 0.1 < parts.count(Part.HELD_OUT) / len(parts) < 0.3
    assert parts.count(Part.APART) < 0.1 * len(parts)
    assert len({group for group, _ in found}) > 100


@pytest.mark.parametrize("salt", [str(number) for number in range(20)])
def test_a_project_of_one_text_has_something_to_learn(salt):
    assert split(["ok", "OK!", "ok"], salt=salt) == [Placement(signature("ok").key, Part.TRAIN)] * 3


def test_however_many_texts_are_alike_each_is_compared_with_few(monkeypatch):
    families, most = Families("salt"), 0
    compared = []

    def counting(sketch, sketches):
        compared.append(len(sketches))
        return real(sketch, sketches)

    from labelwheel.training.evaluation import families as module

    real = module.similarities
    monkeypatch.setattr(module, "similarities", counting)
    # two thirds alike: near enough to share bands, too far to be near-duplicates
    texts = [f"{' '.join(others(1))} and then {other} was what they told me in the end" for other in others(1500)]
    for text in texts + lines(1500):
        compared.clear()
        families.place([Text(text)])
        most = max(most, sum(compared))
    assert most <= 2 * 10 * CROWD
    listed = Counter(band for bands in families.new_representatives.values() for band in bands)
    assert max(listed.values()) <= CROWD
    assert len(families.new_representatives) < 1500 + 10 * REPRESENTATIVES
