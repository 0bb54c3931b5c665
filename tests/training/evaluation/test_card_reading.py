"""What a card says is read back as it was meant."""

from __future__ import annotations

from labelwheel.training.evaluation import card_reading, model_card, report
from tests.training.evaluation.test_model_card import KNOWN, manifest
from tests.training.evaluation.test_report import findings


def test_a_written_card_is_read_in_plain_words() -> None:
    found = card_reading.read(model_card.write(manifest(), report.build(findings()), KNOWN))
    assert (found.base_model, found.licence) == ("people/base", "apache-2.0")
    assert len(found.use) == 2
    assert "abc123" in found.use[0]
    assert "ORG, a|b <x>, never" in found.use[0]
    assert "made for en" in found.use[1]
    assert found.limits[0] == "It reads 128 tokens of a text at once."
    assert "No label to learn from: never." in found.limits
    assert not any("`" in line or line.startswith("#") for line in (*found.use, *found.limits))


def test_of_what_is_no_card_nothing_is_said() -> None:
    assert card_reading.read("") == card_reading.read("---\n: {\n---\n# Mine\n") == card_reading.Card()
