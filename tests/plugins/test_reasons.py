"""What people are shown of why something is suggested."""

import pytest

from labelwheel.plugins.reasons import Word, given


def words(*texts: str) -> list[Word]:
    return [Word(field="text", start=0, end=len(text), text=text) for text in texts]


@pytest.mark.parametrize("bare", [".", ",", "。", "،", "…", "—", "\u201d", "..."])
def test_bare_punctuation_is_no_reason_that_people_are_shown(bare: str) -> None:
    (reason,) = given("good", words("lovely", bare))
    assert [word.text for word in reason.words] == ["lovely"]
    assert given("good", words(bare)) == ()


@pytest.mark.parametrize("told", ["!", "?!", "？", "🎉", "€", "42", "北", "don't", ":-)", "<3"])
def test_all_else_is(told: str) -> None:
    (reason,) = given("good", words(told))
    assert (reason.item, [word.text for word in reason.words]) == ("good", [told])
