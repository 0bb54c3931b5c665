"""A small language that a small model learns by heart, and what people make of it: questions with a right answer.

Two words of a text make two of its answer, so that thirty-six texts have thirty-six answers, none of which stands in
its text: whoever copies the answer of another text is wrong in one of the two.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch

from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import text_training
from labelwheel.training.strategies.text_training import Pair
from labelwheel.training.testing.small_text_model import small_text_model
from labelwheel.training.text_models import pretrained, writing
from labelwheel.training.text_models.phrasing import Phrasing

SAID = Question(name="reply", kind="text", inputs=("text",), maximum=1)
COLOURS = {
    "red": "rufus", "green": "viridis", "blue": "caeruleus", "white": "albus", "black": "niger", "brown": "fuscus",
}  # fmt: skip
THINGS = {
    "apple": "malum", "house": "domus", "car": "currus", "river": "flumen", "coat": "vestis", "horse": "equus",
}  # fmt: skip
TWENTY = 20


def told(seed: int) -> list[tuple[str, str]]:
    """Each text, and what it is in the other language: the thing comes first there."""
    found = [
        (f"please translate the {colour} {thing}", f"so {THINGS[thing]} {COLOURS[colour]}")
        for colour in COLOURS
        for thing in THINGS
    ]
    random.Random(seed).shuffle(found)
    return found


def turned(part: Part, several: bool = False) -> list[LabelledExample]:
    """What people answer: the colour first, which the model has not been taught; 26 are learnt, 10 held out."""
    every = [(text, " ".join(("so", *answer.split()[:0:-1]))) for text, answer in told(5)]
    chosen = every[:26] if part is Part.TRAIN else every[26:]
    return [
        LabelledExample(
            example=Example(key=text, fields={"text": text}), answer=[answer, "so"] if several else answer, part=part,
            group=text,
        )
        for text, answer in chosen
    ]  # fmt: skip


def taught(folder: Path, causal: bool) -> Path:
    """A tiny model, written to `folder` once it knows twenty texts by heart; fails where it has not learnt them."""
    every = told(3)
    small_text_model(folder, [each for pair in every for each in pair], causal)
    model = pretrained.load(str(folder), "cpu")
    phrasing = Phrasing(model, "reply:", "\n", 64)
    pairs = [Pair(phrasing.read(SAID, _example(text)), phrasing.written(answer)) for text, answer in every[:TWENTY]]
    assert recited(model, pairs) == 0, "it knew before it was taught"
    module = model.module.requires_grad_(True).train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    batch = text_training.collate(model, pairs)
    labels = batch.pop("labels")
    for _ in range(600):
        loss = text_training.loss(model, module(**batch), labels) / labels.ne(text_training.IGNORED).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.01:
            break
    module.eval()
    assert recited(model, pairs) == TWENTY
    module.save_pretrained(folder)
    return folder


def recited(model: pretrained.TextModel, pairs: Sequence[Pair]) -> int:
    """How many answers it writes as they are."""
    said = writing.write(model, [pair.read for pair in pairs], 12)
    return sum(one.ended and one.tokens == pair.written[:-1] for one, pair in zip(said, pairs, strict=True))


def _example(text: str) -> Example:
    return Example(key=text, fields={"text": text})
