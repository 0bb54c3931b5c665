from __future__ import annotations

from typing import Any

import pytest

from labelwheel.backend.replay.identity import compare
from labelwheel.backend.replay.recording import RecordedRound
from labelwheel.training.checkpoints.checkpoint import Manifest
from tests.backend.replay.recordings import BEGIN, TOPIC

DETAILS = {"round": 3, "version": "v1", "gain": 0.1, "generation": "lw-1-0002-abcdef"}
ROUND = RecordedRound("v1", "auto", "labels", "promoted", "", None, 5, BEGIN, BEGIN, "", DETAILS, True)


def manifest(**more: Any) -> Manifest:
    given: dict[str, Any] = {
        "version": "v1", "question": TOPIC, "base_model": "base", "encoder_digest": "e", "recipe": "auto",
        "max_length": 256, "label_set": "l", "label_count": 4, "seed": 13, "libraries": {"torch": "2"},
        "files": {"model.safetensors": "m", "report.json": "r"},
    }  # fmt: skip
    return Manifest(**{**given, **more})


def test_what_only_tells_the_time_and_numbers_of_rows_does_not_count() -> None:
    now = manifest(files={"model.safetensors": "m", "report.json": "other"})
    found = compare(ROUND, manifest(), now, "promoted", {**DETAILS, "round": 1, "generation": "lw-1-0002-zzzzzz"})
    assert found.same
    assert found.files is True


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"libraries": {"torch": "3"}}, "torch 2 then, 3 now"),
        ({"label_set": "other"}, "it learnt from other labels"),
        ({"seed": 14}, "other seed"),
        ({}, "other weights"),
    ],
)
def test_other_weights_have_a_reason(changed: dict[str, Any], said: str) -> None:
    now = manifest(files={"model.safetensors": "other"}, **changed)
    found = compare(ROUND, manifest(), now, "promoted", DETAILS)
    assert not found.same
    assert said in found.why


def test_time_that_ran_out_is_a_reason() -> None:
    now = manifest(files={"model.safetensors": "other"})
    notes = ("fine-tuning was given up: it took longer than 300 s",)
    assert "time ran out in one of the two" in compare(ROUND, manifest(), now, "promoted", DETAILS, notes).why


def test_without_files_the_gates_word_is_compared() -> None:
    assert compare(ROUND, None, manifest(), "promoted", DETAILS).same
    other = compare(ROUND, None, manifest(), "rejected", DETAILS)
    assert (other.files, other.same) == (None, False)
    assert "it was promoted, and is rejected now" in other.why
    numbers = compare(ROUND, manifest(), manifest(), "promoted", {**DETAILS, "gain": 0.2})
    assert (numbers.files, numbers.same) == (True, False)
    assert numbers.why
