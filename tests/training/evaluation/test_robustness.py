"""A model with a weakness that is known: the section names it, and nothing where there is none."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import pytest

from labelwheel.training.evaluation import adversary
from labelwheel.training.evaluation.report import plain
from labelwheel.training.evaluation.rewriting import clipped
from labelwheel.training.evaluation.robustness import ROBUSTNESS
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.spec import LabelledExample
from tests.training.inspection import subjects

CITIES = ("Oslo", "Rome", "Lima", "Kiel", "Bern", "Graz")
QUESTION = subjects.choice("table", "music")
PLACES = subjects.spans("city")


def messages(count: int = 120) -> list[LabelledExample]:
    draw, rows = Random(7), []
    for number in range(count):
        city, amount = draw.choice(CITIES), draw.randint(1, 9)
        label = "table" if number % 2 else "music"
        ask = f"please reserve {amount} tables in {city}, thanks" if number % 2 else f"play {amount} songs from {city}."
        rows.append(subjects.row(number, f"Hello {ask}", label))
    return rows


def flights(count: int = 60) -> list[LabelledExample]:
    draw, rows = Random(7), []
    for number in range(count):
        city = draw.choice(CITIES)
        text = f"Show me flights from here to {city}, please, at {number % 12}:15"
        start = text.index(city)
        rows.append(subjects.row(number, text, [{"start": start, "end": start + 4, "label": "city"}]))
    return rows


def wise(text: str) -> tuple[str, float]:
    """Knows `tables` and the like whatever their case, and however letters in the middle stand."""
    return ("table" if re.search(r"(?i)\br\w*s\w*e\b|\bt[a-z]{4}s\b", text) else "music"), 0.9


def found_by(subject: Subject) -> dict[str, Any]:
    found = ROBUSTNESS.look(subject)
    assert json.loads(json.dumps(plain(found))) == plain(found)
    return found


def test_a_model_that_reads_small_letters_only_is_found_weak_there_and_nowhere_else() -> None:
    def say(text: str) -> tuple[str, float]:
        return "music" if text.isupper() else wise(text)[0], 0.9

    found = found_by(subjects.subject(QUESTION, messages(), say))
    assert found["weak"] == ["upper case"]
    row = found["changes"][0]
    assert (row["before"], row["after"], row["flipped"]) == (1.0, 0.5, 0.5)
    assert row["low"] <= row["difference"] == -0.5 <= row["high"] < 0
    assert {one["answered"] for one in row["worst"]} == {"table"}
    assert {one["then"] for one in row["worst"]} == {"music"}
    said = ROBUSTNESS.render(found)
    assert said.startswith("## ")
    assert "**Costs beyond chance**: upper case." in said
    assert "HELLO PLEASE" in said


def test_a_model_that_lives_by_the_last_character_falls_for_what_is_appended() -> None:
    def say(text: str) -> tuple[str, float]:
        return "music" if text.endswith(".") else "table", 0.9

    found = found_by(subjects.subject(QUESTION, messages(), say))
    assert set(found["weak"]) == {"an emoji", "no punctuation", "white space", "more punctuation", "a distractor"}
    assert found["search"]["share"] == 1.0


def test_nothing_is_said_against_a_model_that_takes_no_notice() -> None:
    found = found_by(subjects.subject(QUESTION, messages(), wise))
    assert found["weak"] == []
    assert {row["flipped"] for row in found["changes"]} == {0.0}
    assert (found["search"]["flipped"], found["search"]["examples"]) == (0, adversary.EXAMPLES)
    assert "No change of the texts costs anything beyond chance." in ROBUSTNESS.render(found)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_said_against_a_model_that_wavers_by_chance(seed: int) -> None:
    """A tenth of its answers are drawn anew for each text: it flips, and loses as often as it wins."""

    def say(text: str) -> tuple[str, float]:
        draw = Random(f"{seed} {text}")
        return draw.choice(["table", "music"]) if draw.random() < 0.2 else wise(text)[0], 0.5

    found = found_by(subjects.subject(QUESTION, messages(), say, seed=seed))
    assert found["weak"] == []
    assert max(row["flipped"] for row in found["changes"]) > 0.02


def test_spans_are_measured_where_they_went() -> None:
    def say(text: str) -> tuple[list[dict[str, Any]], float]:
        found = re.search(r"(?i)(?<=\bto )\s*\w+", text)
        if not found:
            return [], 0.9
        start = found.end() - len(found[0].strip())
        return [{"start": start, "end": found.end(), "label": "city"}], 0.9

    found = found_by(subjects.subject(PLACES, flights(), say))
    assert found["weak"] == []
    assert {row["change"] for row in found["changes"]} >= {"white space", "other names", "no punctuation", "an emoji"}
    assert all(row["before"] == row["after"] == 1.0 for row in found["changes"] if row["change"] != "swapped letters")


def test_spans_of_a_model_that_knows_one_city_only_are_lost_with_other_names() -> None:
    def say(text: str) -> tuple[list[dict[str, Any]], float]:
        start = text.find("Oslo")
        return ([{"start": start, "end": start + 4, "label": "city"}] if start >= 0 else []), 0.9

    rows = [row for row in flights(200) if "Oslo" in row.example.fields["text"]]
    others = [row.model_copy(update={"part": "train"}) for row in flights(200)]
    found = found_by(subjects.subject(PLACES, [*rows, *others], say))
    assert "other names" in found["weak"]
    [row] = [row for row in found["changes"] if row["change"] == "other names"]
    assert (row["before"], row["after"], row["flipped"]) == (1.0, 0.0, 1.0)


def test_a_search_finds_what_no_single_change_does() -> None:
    """It takes two of them to fool it: a doubled blank and an emoji."""

    def say(text: str) -> tuple[str, float]:
        signs = sum([text != text.strip(), any(sign in text for sign in ("📌", "📎", "🗓"))])
        return ("music" if signs == 2 else "table"), 0.9 - 0.2 * signs

    rows = [subjects.row(number, f"a table for {number}", "table") for number in range(30)]
    found = found_by(subjects.subject(QUESTION, rows, say))
    assert found["weak"] == []
    assert (found["search"]["examples"], found["search"]["flipped"]) == (30, 30)
    assert found["search"]["queries"] <= 30 * adversary.QUERIES


def test_nothing_held_out_is_nothing_to_say() -> None:
    assert ROBUSTNESS.look(subjects.subject(QUESTION, [], wise)) == {}


def test_long_texts_are_shown_around_what_changed() -> None:
    old = "a" * 300 + "X" + "b" * 300
    new = "a" * 300 + "Y" + "b" * 300
    assert "X" in clipped(old, new)
    assert len(clipped(old, new)) < 90
    assert clipped("short", "short 📎") == "short"
