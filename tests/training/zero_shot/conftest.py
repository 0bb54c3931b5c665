"""A tiny model of natural language inference, taught once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.zero_shot import inference


@pytest.fixture(scope="session")
def nli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inference.taught(tmp_path_factory.mktemp("zero-shot") / "nli")
