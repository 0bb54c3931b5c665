"""What the model is least sure of comes first, and what resembles it later."""

from __future__ import annotations

from labelwheel.backend.suggestions import uncertainty
from labelwheel.backend.suggestions.uncertainty import considered, resemblance
from tests.backend.suggestions.test_ordering import candidate, keys

order = keys(uncertainty.order)


def test_the_least_sure_comes_first_and_its_variants_later() -> None:
    found = order(
        [
            candidate(0.90, "hard", "where is my parcel"),
            candidate(0.89, "variant", "where is my parcel now"),
            candidate(0.60, "other", "my card was refused", "topic b"),
            candidate(0.05, "easy", "thanks", "topic c"),
        ],
        200,
    )
    assert found == ["hard", "other", "variant", "easy"]


def test_resemblance_is_of_words_and_answers() -> None:
    one = considered(candidate(0.5, "1", "A, b!"))
    assert resemblance(one, one) == 1.0
    assert resemblance(one, considered(candidate(0.5, "2", "c d", "topic b"))) == 0.0
    assert resemblance(one, considered(candidate(0.5, "2", "c d"))) == 0.5
    assert resemblance(one, considered(candidate(0.5, "2", "b c", "topic b"))) == 1 / 3


def test_of_many_the_least_sure_are_compared_at_all() -> None:
    many = [candidate(number / 5000, str(number), f"word{number}", f"topic {number}") for number in range(5000)]
    assert order(iter(many), 200) == [str(number) for number in range(4999, 4799, -1)]
