"""A push to an object store: the inventory last, nothing that looks whole where it fails."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelwheel.backend.errors import InvalidRequest, PushFailed
from labelwheel.backend.publishing import inventory, patience
from labelwheel.backend.publishing.destination import destination
from labelwheel.backend.publishing.inventory import FILE

URL = "bucket://models"


class Bucket(MemoryFileSystem):
    """Takes `left` more files, and then fails with `fault`; `gone` says that nothing can be taken away either."""

    protocol = "bucket"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    left: ClassVar[int] = 1000
    fault: ClassVar[BaseException] = OSError()
    gone: ClassVar[bool] = False
    sent: ClassVar[list[str]] = []

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("bucket://"))

    def put_file(self, lpath: Any, rpath: Any, *rest: Any, **more: Any) -> None:
        Bucket.left -= 1
        if self.left < 0:
            raise self.fault
        self.sent.append(Path(rpath).name)
        super().put_file(lpath, rpath, *rest, **more)

    def rm(self, *rest: Any, **more: Any) -> None:
        if self.gone and self.left < 0:
            raise OSError("no route to the bucket")
        super().rm(*rest, **more)


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> type[Bucket]:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    for name, value in (("store", {}), ("pseudo_dirs", [""]), ("left", 1000), ("gone", False), ("sent", [])):
        monkeypatch.setattr(Bucket, name, value)
    return Bucket


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("README.md", "config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}" if name.endswith("json") else f"{name} of v1")
    return folder


def push(folder: Path, version: str = "v1") -> str:
    return destination(URL).push(folder, inventory.of(folder, version))


def pull(out: Path, place: str = f"{URL}/v1") -> inventory.Inventory:
    out.mkdir(exist_ok=True)
    return destination(place).pull(out)


def test_it_goes_there_and_comes_back(folder: Path, tmp_path: Path) -> None:
    assert push(folder) == f"{URL}/v1"
    assert pull(tmp_path / "out") == inventory.of(folder, "v1") == inventory.of(tmp_path / "out", "v1")


def test_of_a_newer_card_only_that_is_sent(folder: Path, tmp_path: Path) -> None:
    push(folder)
    Bucket.sent.clear()
    push(folder)
    assert Bucket.sent == []
    (folder / "README.md").write_text("found since")
    (folder / "tokenizer.json").unlink()
    push(folder)
    assert Bucket.sent == ["README.md"]
    pull(tmp_path / "out")
    assert inventory.of(folder, "v1") == inventory.of(tmp_path / "out", "v1")
    assert not any("tokenizer" in name for name in Bucket.store)


@pytest.mark.parametrize("left", range(4))
@pytest.mark.parametrize("killed", [False, True])
def test_half_an_upload_is_nothing(folder: Path, tmp_path: Path, left: int, killed: bool) -> None:
    Bucket.left, Bucket.gone, Bucket.fault = left, killed, OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PushFailed, match=r"No space left.*check the network, its credentials and this machine's disk"):
        push(folder)
    assert bool(Bucket.store) is (killed and left > 0), "what it can it takes away"
    with pytest.raises(PushFailed, match="no whole model"):
        pull(tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    Bucket.left, Bucket.gone = 1000, False
    push(folder)
    pull(tmp_path / "out")


def test_half_of_a_second_push_is_nothing_either(folder: Path, tmp_path: Path) -> None:
    push(folder)
    (folder / "model.safetensors").write_text("other weights")
    Bucket.left, Bucket.fault = 0, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        push(folder)
    with pytest.raises(PushFailed, match="no whole model"):
        pull(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", b"[]", "config.json of .* is not the file that was pushed"),
        ("config.json", None, "lacks config.json; push v1 again"),
        (FILE, b"{}", "was not written by labelwheel"),
        (FILE, b"no JSON", "was not written by labelwheel"),
    ],
)
def test_what_was_changed_there_is_refused(folder: Path, tmp_path: Path, name: str, content: Any, said: str) -> None:
    push(folder)
    system = fsspec.filesystem("bucket")
    if content is None:
        system.rm(f"{URL}/v1/{name}")
    else:
        system.pipe_file(f"{URL}/v1/{name}", content)
    with pytest.raises(PushFailed, match=said) as refused:
        pull(tmp_path / "out")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside", "a\\b", FILE, "a//b", "."])
def test_an_inventory_leads_nowhere_else(folder: Path, tmp_path: Path, name: str) -> None:
    push(folder)
    system = fsspec.filesystem("bucket")
    known = json.loads(system.cat_file(f"{URL}/v1/{FILE}"))
    known["files"][name] = known["files"]["config.json"]
    system.pipe_file(f"{URL}/v1/{FILE}", json.dumps(known).encode())
    with pytest.raises(PushFailed, match="no file within it"):
        pull(tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_what_could_execute_code_is_not_kept(folder: Path, tmp_path: Path) -> None:
    (folder / "weights.bin").write_text("a pickle")
    push(folder)
    with pytest.raises(PushFailed, match=r"what labelwheel never pushed: .*could execute code"):
        pull(tmp_path / "out")


def test_a_store_that_says_nothing_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(patience, "FIRST_ANSWER", 0.1)
    monkeypatch.setattr(Bucket, "cat_file", lambda *rest, **more: time.sleep(2))
    with pytest.raises(PushFailed, match="has not answered for 0 s"):
        push(folder)


def test_a_folder_of_this_machine_is_a_store_as_well(folder: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared/models"
    assert destination(url).push(folder, inventory.of(folder, "v1")) == f"{url}/v1"
    assert pull(tmp_path / "out", f"{url}/v1").version == "v1"


def test_a_driver_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(Exception, match=r"nosuch://x/v1/.* cannot be used: .*\[s3\]"):
        destination("nosuch://x").push(folder, inventory.of(folder, "v1"))


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "s3://bucket/x?secret=1", "https://u:p@host/x"])
def test_no_secret_is_taken_in_a_url(url: str) -> None:
    with pytest.raises(InvalidRequest, match="no secret") as refused:
        destination(url)
    assert "secret@" not in str(refused.value)
