"""What stands for the most texts comes first."""

from __future__ import annotations

from labelwheel.backend.suggestions import typical
from labelwheel.backend.suggestions.so_far import SoFar
from tests.backend.suggestions.test_ordering import candidate, keys

order = keys(typical.order)

PARCELS = [f"where is my parcel number{number}" for number in range(12)]
CARDS = [f"my card was refused at shop{number}" for number in range(4)]
ODD = ["lorem ipsum", "dolor sit amet"]


def pool() -> list:
    texts = [*PARCELS, *CARDS, *ODD]
    return [candidate(0.5, f"{text.split()[-2]}{number}", text) for number, text in enumerate(texts)]


def test_one_of_each_sort_the_commonest_first() -> None:
    found = order(pool(), 20)
    assert [key.rstrip("0123456789") for key in found[:2]] == ["parcel", "at"]
    assert len(found) == len(set(found)) == 18


def test_what_is_labelled_stands_for_its_like() -> None:
    found = order(pool(), 1, SoFar(labelled=1, texts=(PARCELS[3],)))
    assert found[0].startswith("at")


def test_of_equals_the_one_comes_first_that_the_model_is_less_sure_of() -> None:
    assert order([candidate(0.2, "a", "one"), candidate(0.9, "b", "two"), candidate(0.5, "c", "three")], 3) == [
        "b", "c", "a",
    ]  # fmt: skip


def test_texts_without_a_word_are_there_too() -> None:
    assert sorted(order([candidate(0.5, "a", "!?"), candidate(0.5, "b", "")], 5)) == ["a", "b"]


def test_of_very_many_a_sample_is_compared(monkeypatch) -> None:
    monkeypatch.setattr(typical, "COMPARED", 50)
    many = [candidate(0.5, str(number), f"word{number % 7} again") for number in range(5000)]
    found = order(many, 10)
    assert len(found) == len(set(found)) == 10
    assert found == order(list(reversed(many)), 10)
