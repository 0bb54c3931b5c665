"""The order in which records help most."""

from __future__ import annotations

from labelwheel.plugins.argilla.ordering import Candidate, order, resemblance


def candidate(unsure: float, key: str, text: str, answers: str = "topic a") -> Candidate:
    return Candidate(unsure, key, answers, frozenset(text.split()))


def test_the_least_sure_comes_first_and_its_variants_later() -> None:
    found = order(
        [
            candidate(0.90, "hard", "where is my parcel"),
            candidate(0.89, "variant", "where is my parcel now"),
            candidate(0.60, "other", "my card was refused", "topic b"),
            candidate(0.05, "easy", "thanks", "topic c"),
        ]
    )
    assert found == ["hard", "other", "variant", "easy"]


def test_resemblance_is_of_words_and_answers() -> None:
    one = candidate(0.5, "1", "a b")
    assert resemblance(one, one) == 1.0
    assert resemblance(one, candidate(0.5, "2", "c d", "topic b")) == 0.0
    assert resemblance(one, candidate(0.5, "2", "c d")) == 0.5
    assert resemblance(one, candidate(0.5, "2", "b c", "topic b")) == 1 / 3


def test_equally_unsure_ones_keep_an_order_of_their_own() -> None:
    many = [candidate(0.5, str(number), f"word{number}", f"topic {number}") for number in range(300)]
    assert order(many) == order(list(reversed(many)))
    assert len(order(many)) == 200
