"""A strategy of somebody else's, in one file: registered, tried, chosen, written, let through the gate, and served."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelwheel.backend.rounds import gate
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.settings import Settings
from labelwheel.training import batches, encoders, job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import DuplicateStrategy
from labelwheel.training.model import Model, pad_token
from labelwheel.training.spec import JobSpec, LabelledExample, Part, Recipe
from labelwheel.training.strategies import registry
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.outcome import Outcome
from tests.training.models import choice, example, tiny_bert

TELLING = {"weather": ["rain", "snow"], "music": ["jazz", "song"], "food": ["pizza", "cake"]}
NOISE = [
    "please",
    "could",
    "you",
    "tell",
    "me",
    "about",
    "this",
    "one",
    "here",
    "now",
    "today",
    "again",
    "some",
    "of",
    "all",
]


class TellingWords(Strategy):
    """Tokens that only one label has point to it; BERT's weights are set so that all else says nothing."""

    name = "words that only one label has"
    recipe = "telling"
    cost = Cost.SECONDS

    def applies(self) -> bool:
        return self.given.base.config.model_type == "bert"

    def measure(self) -> Outcome:
        problem, logits = self.given.problem, dict[int, np.ndarray]()
        for learn, measure in self.given.layout.parts():
            places = problem.encoded(measure)
            rows = [problem.encodings[place] for place in places]
            answers = batches.forward(self._learnt(learn), rows, pad_token(self.given.tokenizer))
            logits |= dict(zip(places, answers, strict=True))
        return Outcome(self.name, problem, self.given.layout.measured(), logits)

    def finish(self) -> Finished:
        module = self._learnt(range(len(self.given.problem)))
        return Finished(module, {"telling": int(module.get_input_embeddings().weight.any(dim=1).sum())})

    def _learnt(self, indices: Sequence[int]) -> Any:
        problem, module = self.given.problem, copy.deepcopy(self.given.base)
        seen: dict[int, Counter[int]] = {}
        for place in problem.encoded(indices):
            for token in set(problem.encodings[place].input_ids):
                seen.setdefault(token, Counter())[int(problem.targets[place])] += 1
        body = module.base_model
        with torch.no_grad():
            for table in (body.embeddings.position_embeddings, body.embeddings.token_type_embeddings):
                table.weight.zero_()
            for layer in body.encoder.layer[:-1]:  # the last one means
                for linear in (layer.attention.output.dense, layer.output.dense):
                    linear.weight.zero_()
                    linear.bias.zero_()
            words = body.embeddings.word_embeddings.weight.zero_()
            for token, labels in seen.items():
                if len(labels) == 1 and labels.total() > 1:
                    words[token, next(iter(labels))] = 1.0
        classes, width = len(problem.id2label), words.shape[1]
        # a token's 1 becomes sqrt(width) behind the layer norms, and tanh makes everything small
        encoders.write_head(module, 100.0 * np.eye(classes, width), np.zeros(classes))
        return module


@pytest.fixture
def registered() -> Iterator[None]:
    registry.register(TellingWords)
    yield
    registry.unregister(TellingWords)


def labelled(count: int, part: Part) -> list[LabelledExample]:
    """Each text has one word that tells its label, and eight that tell nothing."""
    chance, found = random.Random(f"{part}"), []
    for number in range(count):
        label = list(TELLING)[number % 3]
        words = [chance.choice(TELLING[label]), *chance.choices(NOISE, k=8)]
        chance.shuffle(words)
        key = f"{part}-{number}"
        found.append(LabelledExample(example=example(" ".join(words), key), answer=label, part=part, group=key))
    return found


def spec(folder: Path, version: str, **fields: Any) -> JobSpec:
    base = folder / "base" if (folder / "base").exists() else tiny_bert(folder / "base")
    return JobSpec(
        version=version, question=choice(), output=str(folder / version), data="", base_model=str(base), device="cpu",
        threads=1, **fields,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("registered")
def test_a_strategy_from_elsewhere_wins_a_round_passes_the_gate_and_is_served(tmp_path: Path) -> None:
    held_out = labelled(60, Part.HELD_OUT)
    assert job.execute(spec(tmp_path, "v1", recipe=Recipe.NAMES), held_out) == "v1"
    wanted = spec(tmp_path, "v2", champion=str(tmp_path / "v1"), fine_tuning=False)
    assert job.execute(wanted, labelled(48, Part.TRAIN) + held_out) == "v2"

    manifest = checkpoint.read(wanted.output).manifest
    assert (manifest.recipe, manifest.label_count, manifest.settings["telling"]) == ("telling", 48, 6)
    report = json.loads((tmp_path / "v2" / checkpoint.REPORT).read_bytes())
    assert (report["chosen"], report["settings"]["recipe"]) == (TellingWords.name, "telling")
    assert report["started_from"] == "base"
    assert [trial["name"] for trial in report["trials"]][:3] == [
        "label names alone", "regression on the frozen encoder", TellingWords.name,
    ]  # fmt: skip
    assert f"**{TellingWords.name}**" in (tmp_path / "v2" / checkpoint.CARD).read_text("utf-8")

    judged = gate.judge(tmp_path / "v2", "v2", Recipe.AUTO, Settings())
    assert judged.promote, judged.reason
    assert judged.details["report"]["chosen"] == TellingWords.name

    texts, said = [row.example for row in held_out], [row.answer for row in held_out]
    assert [one.answer for one in Model.load(wanted.output, device="cpu").predict(choice(), texts)] == said
    served = ChosenEngine(device="cpu", cores=1).load(Path(wanted.output))
    rows = served.encode(choice(), texts)
    found = served.decode(choice(), texts, rows, served.head(served.encoder.features(rows)))
    assert [one.answer for one in found] == said


def test_without_being_registered_it_is_not_tried(tmp_path: Path) -> None:
    job.execute(spec(tmp_path, "v1"), labelled(12, Part.TRAIN))
    report = json.loads((tmp_path / "v1" / checkpoint.REPORT).read_bytes())
    assert [each["name"] for each in report["trials"]] == ["label names alone", "regression on the frozen encoder"]


@pytest.mark.usefixtures("registered")
def test_of_one_name_there_is_one_strategy() -> None:
    with pytest.raises(DuplicateStrategy, match="words that only one label has"):
        registry.register(type("Another", (TellingWords,), {}))


def test_what_another_package_brings_is_found_and_one_that_is_broken_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package = tmp_path / "telling-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: telling\nVersion: 1.0\n")
    said = f"[{registry.GROUP}]\nbroken = no.such.module:Strategy\ntelling = {__name__}:TellingWords\n"
    (package / "entry_points.txt").write_text(said)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._registered.cache_clear()
    try:
        assert registry.strategies()[-1].name != TellingWords.name, "the dear ones come last"
        assert TellingWords in registry.strategies()
        assert "'broken' (no.such.module:Strategy) cannot be loaded" in caplog.text
    finally:
        registry._registered.cache_clear()
