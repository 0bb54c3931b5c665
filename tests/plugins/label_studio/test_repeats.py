"""The same words elsewhere: in which form, and where not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwheel.plugins.label_studio.repeats import MOST, Mark, repeats


def mark(text, word, label="DOC", nth=0):
    start = -1
    for _ in range(nth + 1):
        start = text.index(word, start + 1)
    return Mark(start, start + len(word), label)


def found(text, word, nth=0):
    """What else is marked in a text once its `nth` such word is."""
    drawn = mark(text, word, nth=nth)
    return [text[start:end] for start, end, _ in repeats(text, [drawn], [drawn])]


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("The invoice, my invoice; invoice.", "invoice", ["invoice", "invoice"]),
        ("One invoice of two invoices.", "invoice", ["invoices"]),
        ("Two invoices, one invoice.", "invoices", ["invoice"]),
        ("an invoice. Invoice two, Invoice three", "invoice", ["Invoice"]),  # a capital within a sentence is a name
        ("Invoice one. the invoice", "Invoice", ["invoice"]),
        ("one city, two cities", "city", ["cities"]),
        ("two cities, one city", "cities", ["city"]),
        ("a class, two classes", "class", ["classes"]),
        ("a glass of glas", "glass", []),
        ("New York and New\nYork", "New York", ["New\nYork"]),
        ("one open invoice, two open invoices", "open invoice", ["open invoices"]),
        ("Jane took Jane's and Jane’s", "Jane", ["Jane", "Jane"]),
        ("Die Rechnung ist da, zwei Rechnungen fehlen.", "Rechnung", ["Rechnungen"]),
        ("Zwei Rechnungen fehlen, die Rechnung ist da.", "Rechnungen", ["Rechnung"]),
        ("Ein Termin ist frei, für die Termine und des Termins", "Termin", ["Termine", "Termins"]),
    ],
)
def test_the_same_words_also_inflected(text, word, expected):
    assert found(text, word) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("mail, e-mail, mail@example.com, mailing, snailmail, mail_box", "mail"),
        ("Rechnung und Rechnungsnummer, Abrechnung, Vorrechnung", "Rechnung"),
        ("50 euros, 150, 50.5, 1,50, 50th", "50"),
        ("US troops told us", "US"),
        ("Adam met Adams. Adamson", "Adam"),
        ("plan the plane, planet", "plan"),
        ("Stern ist nicht Sternberg", "Stern"),
        ("a a a", "a"),
        ("of me - of you", " "),
        ("cafe " + unicodedata.normalize("NFD", "café"), "cafe"),
    ],
)
def test_never_inside_of_another_word_and_never_another_word(text, word):
    assert found(text, word) == []


def test_a_piece_of_a_word_says_nothing_of_other_words():
    text = "invoices and invoices, invo ices"
    assert repeats(text, [Mark(0, 4, "X")], [Mark(0, 4, "X")]) == []


def test_without_spaces_between_words_it_is_the_exact_words():
    assert found("東京に住む。東京都と東京。", "東京") == ["東京", "東京"]
    assert found("コンビとコンビニ、コンビ", "コンビ") == ["コンビ"]
    assert found("กรุงเทพอยู่ที่กรุงเทพ", "กรุงเทพ") == ["กรุงเทพ"]


def test_places_are_code_points():
    text = "👩‍👩‍👧 Bob 😀 é Bob"
    drawn = mark(text, "Bob")
    assert [tuple(each) for each in repeats(text, [drawn], [drawn])] == [(len(text) - 3, len(text), "DOC")]


def test_nothing_overlaps_what_is_marked():
    text = "Ann Lee, Ann Lee Smith, Ann Lee, Ann Lee"
    drawn = mark(text, "Ann Lee")
    other, shown = mark(text, "Ann Lee Smith", "FIRM"), mark(text, "Ann Lee", nth=2)
    assert repeats(text, [drawn], [drawn, other], [shown]) == [mark(text, "Ann Lee", nth=3)]


def test_words_that_people_marked_as_two_things_say_nothing():
    text = "May met May in May"
    drawn = mark(text, "May", "PER")
    assert len(repeats(text, [drawn], [drawn])) == 2
    assert repeats(text, [drawn], [drawn, mark(text, "May", "DATE", nth=2)]) == []
    assert len(repeats(text, [drawn], [drawn], [mark(text, "May", "DATE", nth=2)])) == 1  # the model may be wrong


def test_white_space_that_was_taken_along_is_left_out():
    text = "an invoice and an invoice"
    assert repeats(text, [Mark(2, 11, "X")], [Mark(2, 11, "X")]) == [Mark(18, 25, "X")]


def test_it_ends():
    text = "invoice " * 50_000
    assert len(repeats(text, [Mark(0, 7, "X")] * 400, [Mark(0, 7, "X")] * 500)) == MOST


@given(st.text(alphabet="aAsßéñ東ンก 0.'-\n\u0301\u200d😀", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_whatever_is_marked_what_is_found_lies_in_the_text_and_beside_it(text, start, length):
    drawn = Mark(min(start, len(text)), min(start + length, len(text)), "X")
    taken = [drawn]
    for each in repeats(text, [drawn], [drawn]):
        assert 0 <= each.start < each.end <= len(text)
        assert all(each.end <= other.start or other.end <= each.start for other in taken)
        taken.append(each)
