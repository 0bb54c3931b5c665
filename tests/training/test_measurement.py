"""What a gate is given of each measured example."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from labelwheel.training.evaluation import left_behind
from labelwheel.training.kinds import kind_of
from labelwheel.training.measurement import measure
from labelwheel.training.questions import Prediction
from labelwheel.training.spec import JobSpec, NamedSlice
from tests.training.evaluation.sentences import SENTENCES
from tests.training.inspection.subjects import choice, row


def test_a_gate_knows_the_language_of_each_text() -> None:
    question = choice("yes", "no")
    texts = [*SENTENCES["en"], *SENTENCES["de"]]
    known = [row(number, text, "yes") for number, text in enumerate(texts)]
    proposal: Any = SimpleNamespace(outcome=SimpleNamespace(indices=[], whole=[]))
    said = [Prediction(answer="yes" if text in SENTENCES["en"] else "no", score=0.9) for text in texts]
    spec = JobSpec(version="v1", question=question, data="d", output="o")
    found = measure(spec, kind_of(question), known, proposal, lambda _: said, None)
    assert [pair.slices["language"] for pair in found.pairs] == ["en"] * 12 + ["de"] * 12
    pairs = [pair.model_copy(update={"champion_loss": 0.0}) for pair in found.pairs]
    behind = {
        value: left_behind.in_pairs(NamedSlice(name="language", value=value), pairs, 0.1, 13).left_behind
        for value in ("en", "de")
    }
    assert behind == {"en": False, "de": True}
