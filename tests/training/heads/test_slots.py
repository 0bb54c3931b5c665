"""What was copied from a text, and where it stands in another one."""

from __future__ import annotations

import time

import pytest

from labelwheel.training.heads.slots import READ, Frame, Slot, Words, learn, refilled, replaced, slots

TEXTS = [f"Please send order {number} to {city} by Friday" for number, city in
         ((4711, "Berlin"), (12, "New York"), (99, "Rome"), (5, "São Paulo"))]  # fmt: skip
ANSWERS = ["Order 4711: Berlin", "Order 12: New York", "Order 99: Rome", "Order 5: São Paulo"]


def filled(answer: int, text: str) -> tuple[str, int]:
    frames = learn(TEXTS, ANSWERS)
    copied = [slot for slot in slots(Words(TEXTS[answer]), frames) if slot.content in ANSWERS[answer]]
    (said,), misfit = refilled([ANSWERS[answer]], copied, text, slots(Words(text), frames))
    return said, misfit


def test_what_was_copied_is_put_in_anew() -> None:
    assert filled(0, "Please send order 8 to Tel Aviv by Friday") == ("Order 8: Tel Aviv", 0)
    assert filled(1, "Please send order 8 to Łódź by Friday") == ("Order 8: Łódź", 0)


def test_what_stands_nowhere_or_twice_is_not_known_and_counts_against_the_answer() -> None:
    said, misfit = filled(0, "Please cancel it")
    assert (said, misfit) == ("Order 4711: Berlin", 2)
    said, misfit = filled(0, "send order 1 to Rome by Friday, or send order 2 to Bonn by Friday")
    assert misfit >= 2, "which of the two is meant is anybody's guess"


def test_a_value_that_does_not_vary_or_is_not_copied_is_no_slot() -> None:
    frames = learn(TEXTS, ANSWERS)
    assert {slot.content for slot in slots(Words(TEXTS[0]), frames)} == {"4711", "Berlin"}
    assert learn(TEXTS, ["It is on its way"] * 4) == []
    assert learn(TEXTS[:1] * 5, ANSWERS[:1] * 5) == [], "five times the same says nothing of another text"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("name[The Mill], area[x]", "The Mill"),
        ("name[]", None),
        ("name[a\nb]", None),
        ("name[a", None),
        ("name[a] name[b]", None),
        (f"name[{'a ' * 9}]", None),
    ],
)
def test_a_frame_holds_some_words_of_one_line(text: str, content: str | None) -> None:
    words = Words(text)
    within = words.within(Frame(("name", "["), "]"))
    assert (None if within is None else words.content(within)) == content


def test_places_are_replaced_all_at_once_and_not_within_words() -> None:
    assert replaced("ab to cab, ab", {"ab": "to", "to": "ab"}) == "to ab cab, to"
    assert replaced("a (b) c", {"(b)": r"\1"}) == r"a \1 c"


def test_a_part_that_a_text_has_beside_counts_against_an_answer_without_it() -> None:
    assert refilled(["x"], [Slot(0, "a")], "", [Slot(0, "b"), Slot(1, "c")])[1] == 1


def test_no_text_takes_long_to_read_and_what_is_cut_does_not_end() -> None:
    begin = time.process_time()
    assert learn(["the a " * 5_000] * 20, ["a the " * 5_000] * 20) == []
    assert time.process_time() - begin < 20
    frame = Frame((":",), "")
    assert Words("say : yes").within(frame) == (3, 4)
    assert Words(f"{'so ' * (READ - 2)}: yes and more").within(frame) is None, "it goes on behind what was read"
