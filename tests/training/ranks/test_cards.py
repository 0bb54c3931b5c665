"""Two cards learn what one does: trainings split, and in shards, between processes that have a card each (nccl)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.models import tiny_bert
from tests.training.ranks import crewed
from tests.training.ranks.test_crew import TORCHRUN


@pytest.mark.gpu
@pytest.mark.parametrize("wish", ["nothing", "memory", "raises"])
def test_two_cards_learn_what_one_does(tmp_path: Path, wish: str) -> None:
    import torch

    if torch.cuda.device_count() < 2:
        pytest.skip("it takes two cards, and this machine has one")
    base = str(tiny_bert(tmp_path / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    environment = {
        **os.environ, "LABELWHEEL_SPLIT": "always", "CREWED_DEVICE": "cuda",
        "PYTHONPATH": ":".join(path for path in sys.path if path),
    }  # fmt: skip
    answer = tmp_path / "answer.json"
    command = [*TORCHRUN, crewed.__file__, base, str(answer), wish]
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, timeout=300)
    found = json.loads(answer.read_text())
    if wish == "raises":
        assert found["broken"].endswith("failed: ValueError: no such token")
    elif wish == "memory":
        assert "From now on one process goes on alone" in done.stderr
    else:
        for name, learnt in crewed.learnt(base).items():
            for what, values in learnt.items():
                assert np.asarray(found[name][what]) == pytest.approx(np.asarray(values), abs=1e-2), f"{name}: {what}"
