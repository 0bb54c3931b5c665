"""Holding back on a card that serving uses too: a stand-in for the card, and the real one where there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from labelwheel.training import card_share, encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Example, Kind, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part
from labelwheel.training.strategies import finetuning_loop
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, rows, tiny_bert

GIB = 2**30


class Card:
    """Counts what is asked of it."""

    def __init__(self, free=60 * GIB, total=80 * GIB, refuses=False):
        self.free, self.total, self.refuses = free, total, refuses
        self.limits, self.waits = [], 0

    def memory(self):
        if self.refuses:
            raise RuntimeError("CUDA error: operation not supported")
        return self.free, self.total

    def limit(self, share):
        self.limits.append(share)

    def wait(self):
        self.waits += 1


@pytest.mark.parametrize(
    ("free", "total", "most"),
    [
        (60 * GIB, 80 * GIB, 52 * GIB),  # a tenth of a large card stays free
        (8 * GIB, 10 * GIB, 6 * GIB),  # two gigabytes of a small one
        (3 * GIB, 8 * GIB, 1.5 * GIB),  # but half of what is free is the job's
    ],
)
def test_the_memory_is_what_is_free_less_room_for_serving(free, total, most):
    card = Card(free, total)
    with card_share.held_back(True, card):
        assert card.limits == [pytest.approx(most / total)]
        assert f"at most {most / 1e9:,.1f} GB of it" in card_share.told()[0]
    assert card.limits[1:] == [1.0]
    assert card_share.told() == []


def test_a_card_that_cannot_be_bounded_is_shared_all_the_same(caplog):
    card = Card(refuses=True)
    with card_share.held_back(True, card), card_share.turn():
        pass
    assert card.limits == []
    assert card.waits == 1
    assert "not bounded" in caplog.text


def test_where_the_card_is_the_jobs_own_nothing_is_held_back():
    class Trainer:
        pass

    card = Card()
    with card_share.held_back(False, card), card_share.turn():
        assert card_share.polite(Trainer) is Trainer
        assert card_share.slowdown() == 1.0
    assert card.waits == 0
    assert card.limits == []


def test_after_each_turn_the_card_is_left_alone_for_a_share_of_the_time(monkeypatch):
    slept, clock = [], iter([10.0, 14.0])
    monkeypatch.setattr(card_share.time, "sleep", slept.append)
    monkeypatch.setattr(card_share.time, "monotonic", lambda: next(clock))
    with card_share.held_back(True, Card()):
        with card_share.turn():
            pass
        assert slept == [1.0]
        assert "left it alone for 1 of 5 seconds" in card_share.told()[0]
        assert "4,096 tokens at a time" in card_share.told()[0]


def batch(count, width, sides=1):
    ids = torch.arange(count * sides * width).reshape(count * sides, width)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.arange(count)}


@pytest.mark.parametrize(("count", "width", "sides", "sizes"), [
    (16, 256, 1, [16]), (17, 256, 1, [16, 1]), (64, 200, 1, [20, 20, 20, 4]), (3, 5000, 1, [1, 1, 1]),
    (16, 128, 2, [16]), (20, 256, 2, [8, 8, 4]),
])  # fmt: skip
def test_a_batch_comes_in_parts_that_add_up_to_it(count, width, sides, sizes):
    given = batch(count, width, sides)
    found = card_share.parts(given)
    assert [len(each["labels"]) for each in found] == sizes
    assert all(each["input_ids"].numel() <= max(card_share.TOKENS, width * sides) for each in found)
    assert torch.cat([each["labels"] for each in found]).equal(given["labels"])
    for side in range(sides):  # of pairs, the left rows come before the right ones, in each part
        chosen = [each["input_ids"].chunk(sides)[side] for each in found]
        assert torch.cat(chosen).equal(given["input_ids"].chunk(sides)[side])


def test_what_is_not_made_of_rows_stays_whole():
    packed = {"input_ids": torch.ones((1, 9000)), "labels": torch.zeros(40)}
    assert card_share.parts(packed) == [packed]


def pairs():
    question = Question(name="better", kind=Kind.PAIRWISE, inputs=("one", "two"))
    labelled = [
        LabelledExample(
            example=Example(key=str(number), fields={"one": f"text {number}", "two": "more " * (1 + number % 5)}),
            answer=("left", "right")[number % 2], part=Part.TRAIN, group=str(number),
        )
        for number in range(16)
    ]  # fmt: skip
    return question, labelled


@pytest.mark.parametrize("kind", ["choice", "pairwise"])
def test_parts_teach_what_the_whole_batch_teaches(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(card_share, "TOKENS", 64)
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    base = tiny_bert(tmp_path / "base", **still)
    asked, labelled = (choice(), rows(2)) if kind == "choice" else pairs()
    fields = kind_of(asked).config(asked)
    settings = finetuning_loop.Settings(epochs=2, rate=1e-3, head_rate=0.1, batch_size=8, accumulation=2)
    found = []
    for shared in (False, True):
        card = Card()
        model, tokenizer = encoders.load(str(base), fields)
        problem = Problem.build(asked, kind_of(asked), labelled, tokenizer, 32)
        with card_share.held_back(shared, card):
            finetuning_loop.train(model, problem, range(len(problem)), 0, settings, feature_norm=0.1)
        assert (card.waits > 2 * len(labelled) / 8) == shared
        found.append(model.state_dict())
    if kind == "pairwise":  # it falls out of the difference: its gradient is rounding alone
        found[0].pop("classifier.bias")
    for name, value in found[0].items():
        assert torch.allclose(value, found[1][name], atol=1e-4), name


def test_a_job_that_shares_a_card_says_what_it_gave_up(tmp_path, monkeypatch):
    from labelwheel.training import job, model

    card = Card()
    monkeypatch.setattr(card_share, "CudaCard", lambda: card)
    monkeypatch.setattr(model, "default_device", lambda: "cuda")
    monkeypatch.setattr("labelwheel.training.run.default_device", lambda: "cpu")
    data = tmp_path / "data.jsonl"
    data.write_text("".join(row.model_dump_json() + "\n" for row in rows(1)), "utf-8")
    spec = JobSpec(
        version="v1", question=choice(), data=str(data), output=str(tmp_path / "v1"), threads=1, max_length=32,
        base_model=str(tiny_bert(tmp_path / "base")), artefact=False, shares_card=True,
    )  # fmt: skip
    job.execute(spec, rows(1))
    notes = json.loads((tmp_path / "v1" / "report.json").read_text())["notes"]
    assert any(note.startswith("Shared the card with serving: at most 55.8 GB of it") for note in notes)
    assert card.waits > 0
    assert card_share.told() == []


def test_a_specification_from_before_is_of_a_job_that_has_its_card_alone():
    old = JobSpec(version="v1", question=choice(), data="d", output="o").model_dump(exclude={"shares_card"})
    assert JobSpec.model_validate(old).shares_card is False


@pytest.mark.gpu
def test_a_real_card_is_bounded_and_waited_for(tmp_path: Path) -> None:
    """In a process of its own: the bound is the process's."""
    code = """
import torch
from labelwheel.training import card_share
with card_share.held_back(True):
    free, total = torch.cuda.mem_get_info()
    with card_share.turn():
        torch.ones((64, 64), device="cuda") @ torch.ones((64, 64), device="cuda")
    try:
        torch.empty(int(0.999 * free), dtype=torch.uint8, device="cuda")
        print("not bounded")
    except torch.OutOfMemoryError:
        print(card_share.told()[0])
torch.empty(free // 4, dtype=torch.uint8, device="cuda")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "Shared the card with serving: at most" in done.stdout
