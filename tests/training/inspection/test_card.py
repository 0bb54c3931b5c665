"""A card that leaves the house has what was found, and no example of anybody's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelwheel.training.base_model import Base
from labelwheel.training.evaluation.fairness import FAIRNESS
from labelwheel.training.evaluation.label_errors import LABEL_ERRORS
from labelwheel.training.evaluation.report import plain
from labelwheel.training.evaluation.robustness import ROBUSTNESS
from labelwheel.training.evaluation.weak_slices import WEAK_SLICES
from labelwheel.training.inspection import card
from labelwheel.training.inspection.subject import Section, Subject
from tests.training.evaluation import test_fairness, test_label_errors, test_robustness, test_weak_slices
from tests.training.inspection import subjects


def kept(section: Section, given: Subject) -> dict[str, Any]:
    """What a section found, as the database has it."""
    return dict(json.loads(json.dumps(plain(section.look(given)))))


@pytest.fixture(scope="module")
def inspected() -> tuple[dict[str, Any], list[str]]:
    """What was found where something is wrong, by the names of sections; and the texts."""

    def marks_women_down(text: str) -> tuple[str, float]:
        return ("bad" if " she " in text else test_fairness.fair(text)[0]), 0.9

    def reads_small_letters(text: str) -> tuple[str, float]:
        return "music" if text.isupper() else test_robustness.wise(text)[0], 0.9

    base = Base.load(None, test_weak_slices.QUESTION, 64, "cpu")
    labelled, _ = test_label_errors.planted()
    given = {
        FAIRNESS: subjects.subject(test_fairness.QUESTION, test_fairness.reviews(), marks_women_down),
        ROBUSTNESS: subjects.subject(test_robustness.QUESTION, test_robustness.messages(), reads_small_letters),
        WEAK_SLICES: test_weak_slices.subject(base, 0, weak=True, named=False),
        LABEL_ERRORS: test_label_errors.subject(test_label_errors.choice(), labelled),
    }  # fmt: skip
    texts = [text for one in given.values() for row in one.rows for text in row.example.fields.values()]
    return {section.name: kept(section, one) for section, one in given.items()}, texts


def test_it_has_what_was_found_in_the_order_of_reports(inspected: tuple[dict[str, Any], list[str]]) -> None:
    said = card.write(inspected[0])
    assert [line for line in said.splitlines() if line.startswith("#")] == [
        "## Label errors", "## Where it is weak", "## When texts are typed differently", "## Is it fair?",
    ]  # fmt: skip
    for expected in (
        "Confident learning suspects", "| texts that are alike |", "| 95 % interval | elsewhere |\n",
        "**Costs beyond chance**: ", "| upper case |", "Somebody who tries", "**Beyond chance**: ", "| he to she |",
    ):  # fmt: skip
        assert expected in said


def test_it_has_nobodys_texts_and_no_keys(inspected: tuple[dict[str, Any], list[str]]) -> None:
    found, texts = inspected
    report = "\n\n".join(section.render(found[section.name]) for section in (LABEL_ERRORS, ROBUSTNESS, FAIRNESS))
    assert any(text in report for text in texts), "else this shows nothing"
    said = card.write(found)
    assert not [text for text in texts if text in said]
    assert "| such as |" not in said
    assert "| before | after | answer |" not in said
    assert found["label_errors"]["labels"], "what was found stays as it is"
    assert not [one["key"] for one in found["label_errors"]["labels"] if f"`{one['key']}`" in said]


def test_what_an_older_version_left_is_left_out_alone(caplog: pytest.LogCaptureFixture) -> None:
    fine = {"looked_at": 60, "suspected": 2, "labels": []}
    said = card.write({"robustness": {"other": 1}, "label_errors": fine, "no longer there": {"a": 1}, "fairness": {}})
    assert said.startswith("## Label errors\n\nConfident learning suspects 2 of 60 labels")
    assert "##" not in said[2:]
    assert "what robustness found is left out" in caplog.text
    assert card.write({}) == ""


def test_lists_of_other_things_stay() -> None:
    found = {
        "labels": [{"share": 0.5}, {"key": "e1", "text": "mine"}],
        "worst": [{"key": "e2"}],
        "keys": ["e3"],
        "n": 1,
    }
    assert card.without_examples(found) == {"labels": [{"share": 0.5}], "worst": [], "keys": [], "n": 1}
