"""What the tests of the views have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labelwheel.backend.settings import Settings
from tests.backend.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A project with one question, `mood`, in each database."""
    made = Stage(Settings(home=tmp_path, database=database_url))
    made.connect("mood")
    yield made
    made.database.dispose()
