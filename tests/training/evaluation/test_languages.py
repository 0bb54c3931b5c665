"""Languages are told where there are several, and of one language alone nothing is said."""

from __future__ import annotations

import io
import pickle
from collections import Counter
from typing import Any

import pytest

from labelwheel.training.evaluation import languages
from tests.training.evaluation.sentences import SENTENCES

EN, DE, FR, ES = (list(SENTENCES[code]) for code in ("en", "de", "fr", "es"))


def test_each_sentence_has_its_own_language_or_none() -> None:
    given = [(text, code) for code, texts in SENTENCES.items() for text in texts]
    found = languages.of([text for text, _ in given])
    assert found is not None
    told = Counter(zip((code for _, code in given), found, strict=True))
    assert {said for _, said in told} <= {*SENTENCES, languages.UNKNOWN}
    for code in SENTENCES:
        assert told[code, code] >= 11, told
        assert told[code, code] + told[code, languages.UNKNOWN] == 12, "a wrong one is worse than none"


def test_texts_of_one_language_have_no_languages() -> None:
    assert languages.of(EN * 5) is None
    assert languages.of(DE * 5) is None


def test_a_few_strays_among_texts_of_one_language_are_no_second_one() -> None:
    assert languages.of([*EN * 20, *DE[:9]]) is None, "nine of 249 are fewer than a twentieth, and than ten"
    assert languages.of([*EN * 5, *DE[:9]]) is None, "nine are fewer than ten"
    found = languages.of([*EN * 5, *DE[:11]])
    assert found == ["en"] * 60 + ["de"] * 11


def test_rare_languages_are_one() -> None:
    found = languages.of([*EN * 4, *DE * 4, *FR[:3], *ES[:3]])
    assert found is not None
    assert Counter(found[:96]) == {"en": 48, "de": 48}
    assert set(found[96:]) <= {languages.OTHER, languages.UNKNOWN}, "none of them is taken for English"
    assert found[96:].count(languages.OTHER) >= 5


def test_one_language_among_many_rare_ones_is_compared_with_these() -> None:
    found = languages.of([*EN * 3, *DE[:5], *FR[:5], *SENTENCES["ja"][:5]])
    assert found is not None
    assert Counter(found) == {"en": 36, languages.OTHER: 15}


def test_a_short_text_that_may_be_of_any_language_is_asked_among_those_of_the_project() -> None:
    short = "Das Paket fehlt"
    alone, confidence = languages._identifier().classify(short)
    assert confidence < languages.SURE, alone
    found = languages.of([*EN * 2, *DE * 2, short])
    assert found is not None
    assert found[-1] == "de"


@pytest.mark.parametrize(
    "text", ["", "ok", "12345 67890 !!", "🙂 🙂 🙂", "https://www.example.org/wo/ist/die/lieferung @jemand"]
)
def test_what_has_hardly_a_word_is_of_no_language(text: str) -> None:
    found = languages.of([*EN * 2, *DE * 2, text])
    assert found is not None
    assert found[-1] == languages.UNKNOWN


def test_four_chinese_letters_are_enough_and_nine_latin_ones_are_not() -> None:
    japanese = list(SENTENCES["ja"])
    found = languages.of([*EN * 2, *japanese * 2, "ありがとう", "thank you"])
    assert found is not None
    assert found[-2:] == ["ja", languages.UNKNOWN]


def test_the_model_is_what_it_was_after_it_was_asked_about_few_languages() -> None:
    languages.of([*EN * 2, *DE * 2])
    assert languages._identifier().classify(FR[0])[0] == "fr"
    assert len(languages._identifier().labels) > 100


def test_of_few_texts_nothing_is_said_and_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "_identifier", lambda: pytest.fail("loaded"))
    assert languages.of([*EN[:10], *DE[:9]]) is None
    assert languages.of([]) is None


def test_its_model_is_loaded_without_a_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("unpickled")

    for door in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, door, forbidden)
    with pytest.raises(AssertionError, match="unpickled"):
        pickle.load(io.BytesIO(b"."))
    languages._identifier.cache_clear()
    assert languages._identifier().classify(DE[0])[0] == "de"
