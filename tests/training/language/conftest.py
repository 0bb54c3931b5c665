"""A scripted endpoint, and the language model that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labelwheel.training.language import client, endpoint
from labelwheel.training.language.endpoint import LanguageModel
from testkit.language_model import ScriptedModel


@pytest.fixture
def scripted() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda messages: "a").running() as found:
        yield found


@pytest.fixture
def make(scripted: ScriptedModel, tmp_path: Path) -> Iterator[Callable[..., LanguageModel]]:
    """`make(budget=0)`: the model as the settings would name it, and known to this process."""

    def made(**fields: Any) -> LanguageModel:
        usual = {"url": scripted.url, "model": "tiny", "folder": str(tmp_path / "language"), "seconds": 1.5}
        found = LanguageModel(**usual | fields)
        endpoint.name(found)
        return found

    yield made
    endpoint.name(None)
    client.of.cache_clear()
