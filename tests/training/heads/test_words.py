"""Words of any script, and what tokens say put together for them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelwheel.training.heads.words import merged, pooled, words
from labelwheel.training.kinds import span_windows
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.span_edges import whole_graphemes


def said(text):
    return [text[start:end] for start, end in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("APC-deficient, £2,300", ["APC", "-", "deficient", ",", "£", "2", ",", "300"]),
        ("Ann's e-mail", ["Ann", "'", "s", "e", "-", "mail"]),
        ("naïve cafe\u0301", ["naïve", "cafe\u0301"]),
        ("東京へ", ["東", "京", "へ"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("hi👩‍👩‍👧👍🏽🇫🇷🇩🇪", ["hi", "👩‍👩‍👧", "👍🏽", "🇫🇷", "🇩🇪"]),
        ("soft\u00adhyphen \u200bx", ["soft\u00adhyphen", "x"]),
        ("", []),
        (" \r\n\u200b ", []),
    ],
)
def test_words_are_what_people_see(text, expected):
    assert said(text) == expected


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
@example("A\u0f8d")  # a Latin letter with a Tibetan sign below
def test_words_are_in_order_cover_what_is_seen_and_cut_no_character(text):
    found = words(text)
    assert all(start < end for start, end in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    left = set(range(len(text))).difference(*(range(*each) for each in found))
    assert not any(text[place].isalnum() for place in left)
    for start, end in found:
        low, high = whole_graphemes(text, start, end)
        assert not text[low:start].strip("\u00ad\u200b\u200c\u200d") or not text[low:start].isalnum()
        assert high == end or not text[end:high].isalnum()


def test_a_word_is_the_mean_of_the_tokens_that_touch_it():
    places = [words("ab-cd x"), words("q")]
    tokens = [([(0, 2), (2, 3), (3, 4), (4, 7)], np.array([[1.0], [2.0], [4.0], [6.0]])), None]
    # the last token is of two words, and no token is of the last word
    assert pooled(places, tokens, 1).ravel().tolist() == [1.0, 2.0, 5.0, 6.0, 0.0]


def test_without_features_words_are_rows_of_no_width():
    assert pooled([words("a b"), []], [None, None], 0).shape == (2, 0)
    assert pooled([], [], 3).shape == (0, 3)


def test_windows_of_a_long_text_are_put_together_before():
    text = " ".join(f"w{number}" for number in range(40))
    places = words(text)
    starts = list(span_windows._starts(len(places), 16))
    assert len(starts) > 3
    rows = [Encoding(0, (), 0, [(0, 0), *places[start : start + 16], (0, 0)]) for start in starts]
    values = [
        np.array([[-1.0], *([start + n] for n in range(len(row.offsets) - 2)), [-1.0]])
        for start, row in zip(starts, rows, strict=True)
    ]
    [found] = merged(1, rows, values)
    assert found[0] == places
    assert pooled([places], [found], 1).ravel().tolist() == list(range(len(places)))
