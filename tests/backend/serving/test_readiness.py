"""When a web process joins the others, and that it stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving.models import ServedModels, Wanted
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.serving.readiness import Readiness
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import StoreUnreachable
from tests.backend.serving.fakes import FakeEngine, question, write_checkpoint


class Place:
    """Served models over a store that can be away."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.away = folder, False
        self.wanted: dict[int, Wanted] = {}
        self.queue = InferenceQueue(FakeEngine())
        self.served_models = ServedModels(FakeEngine(), self.queue, lambda: dict(self.wanted), read=self.read)
        self.readiness = Readiness(self.served_models)

    def read(self, place: Any, **more: Any) -> checkpoint.Checkpoint:
        if self.away:
            raise StoreUnreachable("the store does not answer")
        return checkpoint.read(place, **more)

    def want(self, project: int, version: str) -> None:
        if not (self.folder / version).exists():
            write_checkpoint(self.folder / version, version)
        members: dict[str, tuple[str, Any]] = {"mood": (version, self.folder / version)}
        self.wanted[project] = Wanted(project, "tool", f"p{project}", version, {"mood": question("mood")}, members)

    def follow(self) -> bool:
        """Looks, as soon as what failed is tried again; True where the process is ready."""
        self.served_models._loaded._failures.clear()
        self.served_models.follow()
        return self.ready

    @property
    def ready(self) -> bool:
        try:
            self.readiness.check()
        except Overloaded:
            return False
        return True


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.queue.close()


def test_a_process_is_ready_once_it_has_looked_and_serves_all(place: Place) -> None:
    place.want(1, "v1")
    assert not place.ready
    assert place.follow()


def test_a_process_without_projects_is_ready(place: Place) -> None:
    assert place.follow()


def test_it_waits_for_a_store_that_is_away(place: Place) -> None:
    """Others have the model in memory and answer; this one would not."""
    place.want(1, "v1")
    place.away = True
    assert not place.follow()
    place.away = False
    assert place.follow()


def test_a_broken_checkpoint_keeps_nobody_away(place: Place) -> None:
    """Else one project's trouble would be every new process's, and so all projects'."""
    place.want(1, "v1")
    place.want(2, "v2")
    next((place.folder / "v2").glob("*.safetensors")).write_bytes(b"broken")
    assert place.follow()
    assert place.served_models.serving == {"1": "v1"}


def test_what_comes_later_makes_nobody_leave(place: Place) -> None:
    """It comes to all processes at once."""
    place.want(1, "v1")
    assert place.follow()
    place.away = True
    place.want(1, "v3")
    place.want(2, "v2")
    assert place.follow()
    assert place.served_models.serving == {"1": "v1"}
