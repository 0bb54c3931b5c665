"""A model that is worse for some is found out, and one that is not is left in peace."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from labelwheel.training.evaluation import counterfactuals
from labelwheel.training.evaluation.edits import Edited
from labelwheel.training.evaluation.fairness import FAIRNESS
from labelwheel.training.evaluation.perturbations import Given
from labelwheel.training.evaluation.report import plain
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.spec import LabelledExample
from tests.training.inspection import subjects

QUESTION = subjects.choice("good", "bad")


def reviews(count: int = 160) -> list[LabelledExample]:
    draw = Random(3)
    rows = []
    for number in range(count):
        who, name = draw.choice([("he", draw.choice(counterfactuals.MEN)), ("she", draw.choice(counterfactuals.WOMEN))])
        label = draw.choice(["good", "bad"])
        text = f"{name} worked on case {number}, and {who} did a {label} job"
        rows.append(subjects.row(number, text, label, region=draw.choice(["north", "south", "west"])))
    return rows


def fair(text: str) -> tuple[str, float]:
    return ("good" if "good" in text else "bad"), 0.9


def found_by(subject: Subject) -> dict[str, Any]:
    found = FAIRNESS.look(subject)
    assert json.loads(json.dumps(plain(found))) == plain(found)
    return found


def swapped(name: str, text: str) -> str:
    return Edited.of(text, counterfactuals.ALL[name](text, Given(Random(1), {}))).text


@pytest.mark.parametrize(
    ("name", "text", "after"),
    [
        ("he to she", "He said his boss told him himself.", "She said her boss told her herself."),
        ("he to she", "The HE-man; they're", "The SHE-woman; they're"),
        ("she to he", "She and her boss saw her. It is hers", "He and his boss saw him. It is his"),
        ("she to he", "I told her to wait for her friends", "I told him to wait for his friends"),
        ("he or she to they", "He gave her his book and her coat", "They gave them their book and their coat"),
        ("he to she", "the theme there is other", "the theme there is other"),
    ],
)  # fmt: skip
def test_words_change_with_their_case_and_nothing_else_does(name: str, text: str, after: str) -> None:
    assert swapped(name, text) == after


def test_names_become_others_the_same_one_everywhere() -> None:
    new = swapped("men's names to women's", "John met Johnson; John left, Will stayed")
    first = new.split()[0]
    assert first in counterfactuals.WOMEN
    assert new == f"{first} met Johnson; {first} left, Will stayed"


def test_a_model_that_marks_women_down_is_found_by_the_swap_alone() -> None:
    def say(text: str) -> tuple[str, float]:
        return ("bad" if " she " in text else fair(text)[0]), 0.9

    found = found_by(subjects.subject(QUESTION, reviews(), say, groups=("region",)))
    assert set(found["gaps"]) == {"he to she", "she to he", "he or she to they"}
    rows = {row["swap"]: row for row in found["swaps"]}
    assert rows["he to she"]["difference"] < 0 < rows["she to he"]["difference"]
    assert rows["he to she"]["changed_low"] < rows["he to she"]["changed"] < rows["he to she"]["changed_high"]
    said = FAIRNESS.render(found)
    assert "**Beyond chance**: he to she, she to he, he or she to they." in said
    assert "and she did a good job" in said


def test_a_group_that_is_served_worse_is_named() -> None:
    rows = reviews()
    south = {row.example.fields["text"] for row in rows if row.slices["region"] == "south"}

    def say(text: str) -> tuple[str, float]:
        return ("bad" if text in south else fair(text)[0]), 0.9

    found = found_by(subjects.subject(QUESTION, rows, say, groups=("region", "unknown")))
    [column] = found["columns"]
    assert "region south" in found["gaps"]
    assert column["groups"][0]["group"] == "south"
    assert column["groups"][0]["score"] == pytest.approx(
        sum(row.answer == "bad" for row in rows if row.slices["region"] == "south") / len(south)
    )
    assert column["gap"] == pytest.approx(1 - column["groups"][0]["score"])
    assert column["low"] <= column["gap"] <= column["high"]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_found_in_a_model_that_errs_by_chance(seed: int) -> None:
    def say(text: str) -> tuple[str, float]:
        draw = Random(f"{seed} {text}")
        return (draw.choice(["good", "bad"]) if draw.random() < 0.3 else fair(text)[0]), 0.9

    found = found_by(subjects.subject(QUESTION, reviews(), say, groups=("region",), seed=seed))
    assert found["gaps"] == []
    assert "Nothing was found beyond chance." in FAIRNESS.render(found)


def test_a_column_that_has_not_two_groups_is_said() -> None:
    rows = [subjects.row(number, f"case {number} is good", "good", region="north") for number in range(40)]
    found = found_by(subjects.subject(QUESTION, rows, fair, groups=("region", "regoin")))
    assert (found["columns"], found["untold"], found["gaps"]) == ([], ["region", "regoin"], [])
    assert "Of region, regoin there are not two groups of 10 measured examples each" in FAIRNESS.render(found)
    assert FAIRNESS.look(subjects.subject(QUESTION, rows, fair)) == {}


def test_a_column_of_numbers_is_cut_and_what_every_text_has_is_a_group_too() -> None:
    rows = [
        subjects.row(number, f"case {number} is {'good' * (1 + 20 * (number % 2))}", "good", price=str(number))
        for number in range(160)
    ]

    def say(text: str) -> tuple[str, float]:
        return ("bad" if int(text.split()[1]) < 40 else "good"), 0.9

    found = found_by(subjects.subject(QUESTION, rows, say, groups=("price", "length")))
    assert found["gaps"] == ["price under 40"]
    assert found["columns"][0]["groups"][0]["group"] == "under 40"
    assert {row["group"] for row in found["columns"][0]["groups"]} == {
        "under 40", "40 to under 80", "80 to under 120", "120 and more",
    }  # fmt: skip
    assert {row["group"] for row in found["columns"][1]["groups"]} == {"under 40 characters", "40 to 159"}
