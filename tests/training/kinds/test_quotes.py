"""Quotes that are found in a text: repeats, emoji, combining marks, HTML, and what no text has."""

from __future__ import annotations

import regex  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from labelwheel.training.kinds.quotes import located, quoted

PIECES = st.sampled_from(["ab", "a", " ", "👩‍👩‍👧", "👩", "e\u0301", "e", "<b>", "</b>", "&amp;", "ß", "\n", "नि", "न"])
TEXTS = st.lists(PIECES, max_size=25).map("".join)
MARKS = st.lists(st.tuples(st.one_of(TEXTS, PIECES), st.sampled_from("xy")), max_size=8)


def clusters(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in regex.finditer(r"\X", text)]


@given(TEXTS, MARKS)
def test_whatever_a_model_quotes_no_span_lies_outside_or_says_anything_else(
    text: str, marks: list[tuple[str, str]]
) -> None:
    found = located(text, marks)
    edges = {0} | {end for _, end in clusters(text)}
    assert len(set(found)) == len(found) <= len(marks)
    for start, end, label in found:
        assert 0 <= start < end <= len(text)
        assert {start, end} <= edges, "no character is cut in half"
        assert (text[start:end], label) in {(quote.strip(), label) for quote, label in marks}


@given(TEXTS, st.data())
def test_what_people_marked_is_found_where_no_other_place_could_be_meant(text: str, data: st.DataObject) -> None:
    whole = [(start, end) for start, end in clusters(text) if not text[start:end].isspace()]
    chosen = data.draw(st.lists(st.sampled_from(whole), unique=True)) if whole else []
    spans = sorted((start, end, "x") for start, end in chosen)
    found = located(text, [(each["quote"], each["label"]) for each in quoted(text, spans)])
    assert len(found) == len(spans), "each of them stands somewhere"
    if len({text[start:end] for start, end in whole}) == len(whole):
        assert found == spans
    everything = sorted((start, end, "x") for start, end in whole)
    assert located(text, [(text[start:end], label) for start, end, label in everything]) == everything


def test_a_repeated_quote_is_the_next_one_in_the_text() -> None:
    text = "Rome, then Paris, then Rome"
    assert located(text, [("Paris", "x"), ("Rome", "x")]) == [(11, 16, "x"), (23, 27, "x")]
    assert located(text, [("Rome", "x"), ("Rome", "x"), ("Rome", "x")]) == [(0, 4, "x"), (23, 27, "x")]
    assert located("cafe\u0301 cafe", [("cafe", "x")]) == [(6, 10, "x")], "an accent is no place of its own"
