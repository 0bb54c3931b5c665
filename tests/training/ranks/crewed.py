"""A job of several processes that only fine-tunes: what its first process learns, or what becomes of it.

`torchrun … crewed.py BASE ANSWER WISH`: what is learnt goes into ANSWER, as `learnt` gives it; WISH is what befalls the
second process at its third batch: `nothing`, `raises`, `memory` or `killed`.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelwheel.training import batches, encoders, job, memory
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Kind, Question
from labelwheel.training.ranks import crew, place
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import adapters, contrastive_loop, finetuning_loop
from labelwheel.training.strategies.class_batches import Classes
from labelwheel.training.strategies.contrastive_loop import Settings as Contrast
from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, example, rows

DEVICE = os.environ.get("CREWED_DEVICE", "cpu")
FAST = Settings(epochs=3, rate=1e-3, head_rate=0.1, batch_size=8, patience=9)


def prepared(base: str, question: Question, labelled: list[LabelledExample]) -> tuple[Any, Problem]:
    kind = kind_of(question)
    model, tokenizer = encoders.load(base, kind.config(question), kind.auto_class, seed=1)
    return model.to(DEVICE), Problem.build(question, kind, labelled, tokenizer, 32)


def spans() -> tuple[Question, list[LabelledExample]]:
    options = [{"value": "who"}, {"value": "what"}]
    question = Question.model_validate({"name": "q", "kind": Kind.SPANS, "inputs": ["text"], "options": options})
    answer = [{"start": 0, "end": 4, "label": "who"}, {"start": 5, "end": 9, "label": "what"}]
    texts = [
        f"{name} sang {'so ' * number}well" for number, name in enumerate(("Rosa", "Paul", "Mary", "Finn", "Olga"))
    ]
    found = [
        LabelledExample(example=example(text), answer=answer, part=Part.TRAIN, group=text, fresh=True) for text in texts
    ]
    return question, found


def loss(model: Any, problem: Problem) -> float:
    logits = batches.forward(model, problem.encodings, 0)
    values, targets, _ = problem.stack(range(len(problem)), logits)
    return float(problem.objective.losses(values, targets).mean())


def finetuned(
    model: Any, problem: Problem, settings: Settings, indices: list[int] | None = None, sharded: bool = False
) -> dict[str, Any]:
    """With a measure that only the first process knows, by which the second epoch is the best, and the last."""
    values = iter([0.9, 0.3, 0.5, 0.5])
    weighed = crew.weigh("finetuned", model, 1.0, 6, lambda count: 0.5, sharded)
    history = finetuning_loop.train(
        model, problem, indices or range(len(problem)), 0, replace(settings, patience=1, epochs=4), feature_norm=1.0,
        measure=lambda model: (0.0, 0.0, next(values)), split=weighed.split,
        sharded=sharded and weighed.split,
    )  # fmt: skip
    return {
        "loss": loss(model, problem), "best": history.best, "epochs": [each.train_loss for each in history.epochs],
        "head": encoders.read_head(model)[0].tolist(),
    }  # fmt: skip


def tuned(base: str) -> dict[str, Any]:
    model, problem = prepared(base, choice(), rows(2))
    texts: dict[int, list[Any]] = {}
    for encoding, target in zip(problem.encodings, problem.targets, strict=True):
        texts.setdefault(int(target), []).append(encoding.input_ids)
    classes = Classes(texts, {0: [101, 4633, 102]})
    told: list[float] = []
    weighed = crew.weigh("contrast", model, 1.0, 6, lambda count: 0.5)
    contrastive_loop.train(model, classes, 0, Contrast(6, rate=1e-3), progress=told.append, split=weighed.split)
    features = encoders.features(model, problem.encodings, 0)
    return {"told": told, "features": [row.tolist() for row in features]}


def learnt(base: str) -> dict[str, Any]:
    """Of several kinds of trainings, what each has learnt."""
    texts, asked = rows(2), choice()
    adapted, problem = prepared(base, asked, texts)
    return {
        "whole": finetuned(*prepared(base, asked, texts), FAST),
        "odd": finetuned(*prepared(base, asked, texts), replace(FAST, batch_size=5), list(range(1, 22))),
        "accumulated": finetuned(*prepared(base, asked, texts), replace(FAST, batch_size=2, accumulation=4)),
        "of_one": finetuned(*prepared(base, asked, texts[:5]), replace(FAST, batch_size=1)),
        "spans": finetuned(*prepared(base, *spans()), replace(FAST, batch_size=4)),
        "adapters": finetuned(adapters.fresh(adapted, 1), problem, replace(FAST, adapter_rate=1e-2)),
        "contrast": tuned(base),
        "sharded": finetuned(*prepared(base, asked, texts), FAST, sharded=True),
        "sharded_and_accumulated": finetuned(
            *prepared(base, *spans()), replace(FAST, batch_size=1, accumulation=4), sharded=True
        ),
    }


def once_more(base: str) -> dict[str, Any]:
    """As a strategy does where memory ran out."""
    try:
        return finetuned(*prepared(base, choice(), rows(2)), FAST)
    except Exception as error:
        if not memory.ran_out(error):
            raise
        return {"first": str(error), **finetuned(*prepared(base, choice(), rows(2)), FAST)}


def befalls(wish: str) -> None:
    """This process, at its third batch."""
    import torch

    real, count = finetuning_loop.collate, iter(range(1000))

    def collate(*given: Any) -> Any:
        if next(count) == 2:
            if wish == "raises":
                raise ValueError("no such token")
            if wish == "memory":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            if wish == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)

    finetuning_loop.collate = collate


def main(base: str, answer: str, wish: str) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    found = place.take()
    if found is not None and DEVICE == "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = str(found.local)
    if found is not None and found.number:
        from labelwheel.training.ranks import follower

        befalls(wish)
        follower.follow(found)
    signal.signal(signal.SIGTERM, job._cancel)
    try:
        with crew.led(found):
            said = learnt(base) if wish == "nothing" else once_more(base)
    except crew.Broken as broken:
        said = {"broken": str(broken)}
    Path(answer).write_text(json.dumps(said))
    return 1 if "broken" in said else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
