"""Tiny models that know twenty texts by heart, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.text_models import language


@pytest.fixture(scope="session")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language.taught(tmp_path_factory.mktemp("text-models") / "t5", causal=False)


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language.taught(tmp_path_factory.mktemp("text-models") / "llama", causal=True)
