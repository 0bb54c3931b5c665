"""Two object stores in turn, in one process: what looks into the second must not ask the first."""

from __future__ import annotations

import pytest

from labelwheel.training.places import filesystem
from testkit.clouds import Azurite, Cloud, GoogleStorage, Moto

pytestmark = pytest.mark.server


@pytest.mark.parametrize("kind", [Moto, Azurite, GoogleStorage], ids=lambda kind: kind.scheme)
def test_the_second_is_looked_into(kind: type[Cloud], monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"first", b"second"):
        with kind() as cloud:
            for name, value in cloud.environment.items():
                monkeypatch.setenv(name, value)
            system, path = filesystem(f"{cloud.bucket('looked-into')}/folder")
            system.pipe_file(f"{path}/file", content)
            assert system.cat_file(f"{path}/file") == content
