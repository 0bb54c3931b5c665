"""What each change does to a text, and that it does it the same way again."""

from __future__ import annotations

from random import Random

import pytest

from labelwheel.training.evaluation import perturbations
from labelwheel.training.evaluation.edits import Edited
from labelwheel.training.evaluation.perturbations import ALL, Given

TEXT = "Please book two tables at 10:30 for Anna, near the old harbour."
NAMES = {"": ["Berta", "Anna"]}


def changed(name: str, text: str = TEXT, seed: int = 3, **given: object) -> str:
    drawn = Given(Random(seed), NAMES, **given)  # type: ignore[arg-type]
    return Edited.of(text, ALL[name](text, drawn)).text


@pytest.mark.parametrize("name", list(ALL))
def test_every_change_changes_this_text_and_does_it_again(name: str) -> None:
    assert changed(name) == changed(name) != TEXT


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize("text", ["", " ", "\n", "…", "ß", "日本語のテキスト"])
def test_no_change_stumbles_over_a_text_with_little_in_it(name: str, text: str) -> None:
    changed(name, text)


def test_what_is_changed_is_what_the_name_says() -> None:
    assert changed("lower case") == TEXT.lower()
    assert changed("upper case") == TEXT.upper()
    assert changed("no punctuation") == "Please book two tables at 10:30 for Anna near the old harbour"
    assert changed("numbers as words") == "Please book 2 tables at 10:30 for Anna, near the old harbour."
    assert changed("other names") == TEXT.replace("Anna", "Berta")
    assert changed("white space").split() == TEXT.split()
    assert changed("a distractor").startswith(TEXT + " ")


def test_typos_are_few_and_inside_of_longer_words() -> None:
    keys, swaps = changed("neighbouring keys"), changed("swapped letters")
    different = [(old, new) for old, new in zip(TEXT, keys, strict=True) if old != new]
    assert len(different) == 1  # of 45 letters
    assert all(new in perturbations._beside(old.lower()) for old, new in different)
    assert sorted(swaps) == sorted(TEXT)
    assert [word[0] for word in keys.split()] == [word[0] for word in TEXT.split()] == [w[0] for w in swaps.split()]


def test_numbers_keep_their_shape() -> None:
    old = "at 10:30 on 05/11, room 7, 2024"
    new = changed("other numbers", old)
    assert [len(part) for part in new.split()] == [len(part) for part in old.split()]
    assert new.split()[3][0] == "0"
    assert new[3] != "0"


def test_where_something_is_marked_that_alone_becomes_another_of_its_label() -> None:
    names = {"city": ["Rome", "Oslo"], "": ["Berta"]}
    text = "Anna and Berta fly to Oslo"
    edits = ALL["other names"](text, Given(Random(1), names, [(22, 26, "city"), (0, 4, "person")]))
    assert Edited.of(text, edits).text == "Anna and Berta fly to Rome"
