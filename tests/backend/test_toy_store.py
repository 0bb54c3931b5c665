"""A store in one file: an object store in memory, which a whole labelwheel keeps its checkpoints in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelwheel.backend.app import create_app
from labelwheel.backend.database.engine import Database
from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.processes import home_folder
from labelwheel.backend.rounds import round_commands
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.settings import Settings
from labelwheel.training import job, places
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import MANIFEST
from labelwheel.training.checkpoints.store import Store
from labelwheel.training.errors import InvalidCheckpoint, InvalidJob, StoreUnreachable
from tests.backend.fake_jobs import BAD, GOOD
from tests.backend.serving.fakes import FakeEngine, write_checkpoint
from tests.backend.world import World

URL = "toy://bucket/checkpoints"


class ToyStore(MemoryFileSystem):
    """What `s3fs` is to S3. `left` is after how many files it fails to take one; `away`, whether it does not answer."""

    protocol = "toy"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    left: int | None = None
    away = False
    fault: type[BaseException] = OSError

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("toy://"))

    def invalidate_cache(self, path: str | None = None) -> None:
        pass

    def info(self, path: str, **more: Any) -> Any:
        self._answer()
        return super().info(path, **more)

    def _open(self, path: str, *rest: Any, **more: Any) -> Any:
        self._answer()
        return super()._open(path, *rest, **more)

    def put_file(self, *rest: Any, **more: Any) -> None:
        self._answer()
        if self.left is not None:
            ToyStore.left -= 1
            if self.left < 0:
                raise self.fault
        super().put_file(*rest, **more)

    def _answer(self) -> None:
        if self.away:
            raise TimeoutError("no route to the bucket")


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.register_implementation("toy", ToyStore, clobber=True)
    for name, value in (("store", {}), ("pseudo_dirs", [""]), ("left", None), ("away", False), ("fault", OSError)):
        monkeypatch.setattr(ToyStore, name, value)


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"store": URL, "keep_checkpoints": 2})


@pytest.fixture
def served_models(database: Database, settings: Settings) -> Iterator[ServedModels]:
    """The models of a web process, which follow when they are told to."""
    engine = FakeEngine()
    engine.answer = "sport"
    service = create_app(settings, engine, start=False).extensions["labelwheel"]
    yield service.served_models
    service.queue.close()
    service.database.dispose()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(URL, tmp_path / "cache")


def put(store: Store, name: str) -> None:
    with store.publish(name) as folder:
        write_checkpoint(folder, name)


def files() -> set[str]:
    return set(ToyStore.store)


def served(served_models: ServedModels) -> str:
    served_models.follow()
    return served_models.versions()[1]["topic"]


def train(world: World, loss: float = GOOD) -> str:
    world.launcher.automatic = loss
    world.order(trigger="labels")
    world.settle()
    return world.rounds[-1].version


def test_a_round_is_trained_promoted_served_rolled_back_and_cleared_away(
    world: World, served_models: ServedModels
) -> None:
    home_folder.prepare(world.settings)
    world.tool.add("the team won", "the vote was lost")
    world.connect()
    world.settle()
    (names,) = (row.version for row in world.checkpoints)
    assert served(served_models) == names

    spec = world.launcher.last.spec
    assert spec.output == f"{URL}/{names}"
    trained = train(world)
    assert world.launcher.last.spec.champion == f"{URL}/{names}"
    assert world.launcher.last.spec.unlabelled == f"{URL}/.jobs/{trained}/unlabelled.jsonl"
    assert f"/bucket/checkpoints/{trained}/{MANIFEST}" in files()
    assert served(served_models) == trained
    cached = world.settings.checkpoints.fetch(trained)
    assert cached.is_relative_to(world.settings.cache_folder)
    assert not world.settings.home.joinpath("checkpoints").exists()

    with world.database.transaction() as tx:
        round_commands.rollback(tx, world.question().id)
    world.settle()
    assert served(served_models) == names

    refused = train(world, BAD)
    assert world.rounds[-1].state == "rejected"
    later = [train(world) for _ in range(3)]
    assert served(served_models) == later[-1]
    world.order(trigger="labels")
    world.settle()
    kept = {row.version for row in world.checkpoints if not row.removed}
    assert set(world.settings.checkpoints.names()) == kept
    assert kept.isdisjoint({trained, refused})
    assert not cached.exists()
    assert not [name for name in files() if ".jobs" in name], "people's texts stay no longer than the round"


@pytest.mark.slow
def test_a_real_job_takes_its_data_and_leaves_its_checkpoint_there(store: Store, tmp_path: Path) -> None:
    from tests.backend.real import TOPIC

    places.write(f"{URL}/.jobs/n1/data.jsonl", b"")
    places.write(f"{URL}/.jobs/n1/unlabelled.jsonl", b'{"key": "1", "fields": {"text": "a text"}}')
    spec = {
        "version": "n1", "question": TOPIC.model_dump(mode="json"), "data": f"{URL}/.jobs/n1/data.jsonl",
        "output": f"{URL}/n1", "recipe": "names", "device": "cpu", "threads": 1, "artefact": False,
        "champion": f"{URL}/gone", "unlabelled": f"{URL}/.jobs/n1/unlabelled.jsonl",
    }  # fmt: skip
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    assert job.main([str(tmp_path / "spec.json")]) == 0
    assert store.read("n1").manifest.version == "n1"
    assert job.main([str(tmp_path / "spec.json")]) == job.REFUSED, "a version is never used twice"
    for missing in ({"data": f"{URL}/none"}, {"unlabelled": f"{URL}/none"}):
        (tmp_path / "spec.json").write_text(json.dumps(spec | {"output": f"{URL}/n2"} | missing))
        assert job.main([str(tmp_path / "spec.json")]) == job.REFUSED
    assert store.names() == ["n1"]


@pytest.mark.parametrize("fault", [OSError, KeyboardInterrupt])
def test_what_was_not_published_to_its_end_is_no_checkpoint(store: Store, fault: type[BaseException]) -> None:
    ToyStore.left, ToyStore.fault = 1, fault
    with pytest.raises((StoreUnreachable, KeyboardInterrupt)):
        put(store, "v1")
    assert not store.has("v1")
    assert not files()


def test_what_a_kill_left_is_taken_for_nothing_and_is_published_anew(store: Store) -> None:
    places.write(f"{URL}/v1/model.safetensors", b"half of it")
    places.write(f"{URL}/v1/of-the-dead.json", b"{}")
    assert not store.has("v1")
    with pytest.raises(InvalidCheckpoint, match="is missing, or a part of it"):
        store.read("v1")
    put(store, "v1")
    assert store.read("v1").manifest.version == "v1"
    assert not any("of-the-dead" in name for name in files())
    with pytest.raises(InvalidJob, match="never used twice"):
        put(store, "v1")


def test_what_a_killed_job_left_is_swept_when_its_round_is_over_and_nothing_of_others(world: World) -> None:
    world.tool.add("the team won")
    world.connect()
    world.settle()
    names = world.checkpoints[0].version
    world.launcher.automatic = None
    world.order(trigger="labels")
    world.until(lambda: world.rounds[-1].handle)
    found = world.rounds[-1]
    places.write(f"{URL}/{found.version}/model.safetensors", b"half of it")
    places.write(f"{URL}/mine/notes.txt", b"not a version of ours")
    world.turns(2)
    assert found.version in world.settings.checkpoints.names(), "its job may be at it"
    with world.database.transaction() as tx:
        round_commands.cancel(tx, found.id)
    world.until(lambda: world.rounds[-1].handle is None)
    world.turns(2)
    assert set(world.settings.checkpoints.names()) == {names, "mine"}


def test_a_copy_that_broke_is_fetched_anew_and_one_that_was_replaced_in_the_store_is_refused(store: Store) -> None:
    put(store, "v1")
    found = store.read("v1")
    (found.folder / "model.safetensors").write_text("broken")
    assert store.read("v1", digest=found.digest).digest == found.digest
    store.check("v1", found.digest)
    store.check("never", found.digest)

    content = b"somebody else's weights"
    places.write(f"{URL}/v1/model.safetensors", content)
    (found.folder / "model.safetensors").write_bytes(content)
    (found.folder / MANIFEST).unlink()
    with pytest.raises(InvalidCheckpoint, match="has changed"):
        store.read("v1")
    manifest = json.loads(places.read(f"{URL}/v1/{MANIFEST}"))
    manifest["files"]["model.safetensors"] = checkpoint._sha256(found.folder / "model.safetensors")
    places.write(f"{URL}/v1/{MANIFEST}", json.dumps(manifest).encode())
    with pytest.raises(InvalidCheckpoint, match="was replaced"):
        store.read("v1", digest=found.digest)
    with pytest.raises(InvalidCheckpoint, match="was replaced"):
        store.check("v1", found.digest)


def test_a_manifest_leads_nowhere_else(store: Store, tmp_path: Path) -> None:
    put(store, "v1")
    manifest = json.loads(places.read(f"{URL}/v1/{MANIFEST}"))
    manifest["files"]["../../../outside"] = "0" * 64
    places.write(f"{URL}/v1/{MANIFEST}", json.dumps(manifest).encode())
    with pytest.raises(InvalidCheckpoint, match="outside of it"):
        store.read("v1")
    assert not (tmp_path / "outside").exists()


def test_copies_of_what_is_gone_go_with_the_next_download(store: Store) -> None:
    put(store, "v1")
    put(store, "v2")
    first = store.fetch("v1")
    places.remove(store.place("v1"))
    second = store.fetch("v2")
    assert (first.exists(), second.exists()) == (False, True)


def test_a_store_that_does_not_answer_takes_no_champion_away(world: World, served_models: ServedModels) -> None:
    world.tool.add("the team won")
    world.connect()
    world.settle()
    names = served(served_models)
    trained = train(world)
    shutil.rmtree(world.settings.cache_folder)  # as on a machine of its own
    ToyStore.away = True
    assert served(served_models) == names
    (problem,) = served_models.problems.values()
    assert "cannot be read or written: no route to the bucket" in problem["message"]
    assert "checkpoint" not in problem, "the worker would mark it as broken, and go back to the one before"
    served_models.follow()
    assert "checkpoint" not in served_models.problems["1"], "nor when the failure is remembered"
    world.order(trigger="labels")
    world.turns(3)
    assert world.rounds[-1].state == "queued", "it waits, and does not fail"
    ToyStore.away = False
    world.settle()
    served_models._loaded._failures.clear()
    assert served(served_models) == world.rounds[-1].version != trained


@pytest.mark.parametrize(("url", "said"), [("oss://bucket/x", "ossfs"), ("nosuch://x", "nosuch")])
def test_a_driver_that_is_missing_is_named_at_the_start(settings: Settings, url: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=f"LABELWHEEL_STORE: {url} cannot be used: .*{said}.*need a driver"):
        home_folder.prepare(settings.model_copy(update={"store": url}))


def test_a_folder_is_read_where_it_lies_also_as_a_url(tmp_path: Path) -> None:
    for url in (str(tmp_path / "folder"), f"file://{tmp_path / 'folder'}"):
        store = Store(url, tmp_path / "cache")
        store.prepare()
        assert store.fetch("v1") == tmp_path / "folder" / "v1"
        assert store.place("v1") == str(tmp_path / "folder" / "v1")
    put(store, "v1")
    assert store.read("v1").folder == tmp_path / "folder" / "v1"
    assert not (tmp_path / "cache").exists()
    store.remove("v1")
    assert store.names() == []
