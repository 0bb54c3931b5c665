"""A push to a hub: one commit, a tag, nothing where it fails; and back from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelwheel.backend.errors import InvalidRequest, PushFailed
from labelwheel.backend.publishing import inventory
from labelwheel.backend.publishing.destination import destination
from labelwheel.backend.publishing.inventory import FILE
from testkit.hub import Hub
from tests.backend.publishing.models import write


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The library reads its environment when it is imported, which another test may have done."""
    from huggingface_hub import constants

    with Hub() as hub:
        for name, value in (("ENDPOINT", hub.url), ("HF_HUB_DISABLE_XET", True), ("HF_HUB_OFFLINE", False)):
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setenv("HF_TOKEN", "hf_writer")
        yield hub


def push(folder: Path, version: str = "v1", to: str = "hub:topics", **options: Any) -> str:
    return destination(to, **options).push(folder, inventory.of(folder, version))


def test_a_model_is_pushed_in_one_commit_with_its_version_as_the_tag(hub: Hub, tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    assert push(folder) == "hub:team/topics@v1"
    repository = hub.repositories["team/topics"]
    assert repository.private
    assert len(repository.commits) == 2, "the hub's own first one, and ours"
    tree = repository.commits[repository.tags["v1"]]
    assert set(tree) == {".gitattributes", FILE, *(each.name for each in folder.iterdir())}
    assert tree["README.md"] == (folder / "README.md").read_bytes()
    assert tree["model.safetensors"] in hub.large.values(), "weights go as LFS"


def test_what_is_there_already_is_left_and_a_newer_card_moves_the_tag(hub: Hub, tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    push(folder)
    push(folder)
    repository = hub.repositories["team/topics"]
    assert len(repository.commits) == 2
    (folder / "README.md").write_text("# found since")
    (folder / "tokenizer_config.json").unlink()
    uploads = len(hub.large)
    push(folder)
    assert (len(repository.commits), len(hub.large)) == (3, uploads)
    assert repository.tags == {"v1": repository.head}
    assert "tokenizer_config.json" not in repository.commits[repository.head], "a file of before is none of it"
    push(write(tmp_path / "next", seed=2), "v2")
    assert set(repository.tags) == {"v1", "v2"}
    assert repository.tags["v1"] != repository.tags["v2"] == repository.head


def test_a_push_that_was_killed_before_its_tag_gets_it_from_the_next(hub: Hub, tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    push(folder)
    hub.repositories["team/topics"].tags.clear()
    push(folder)
    assert hub.repositories["team/topics"].tags == {"v1": hub.repositories["team/topics"].head}


def test_public_is_for_those_who_ask_for_it(hub: Hub, tmp_path: Path) -> None:
    push(write(tmp_path / "model"), public=True)
    assert not hub.repositories["team/topics"].private


def test_it_comes_back_as_it_was(hub: Hub, tmp_path: Path) -> None:
    first, second = write(tmp_path / "first"), write(tmp_path / "second", seed=2)
    push(first)
    push(second, "v2")
    for place, expected in (("hub:team/topics", second), ("hub:team/topics@v1", first)):
        out = tmp_path / place.replace("/", "-")
        out.mkdir()
        known = destination(place).pull(out)
        assert known == inventory.of(expected, known.version) == inventory.of(out, known.version)
    assert not list(tmp_path.glob("*.hub"))


def test_it_is_loaded_by_transformers_alone_in_another_process(hub: Hub, tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    push(folder)
    code = """if True:
        import json, sys
        from transformers import pipeline
        model = pipeline("text-classification", model="team/topics", revision="v1")
        print(json.dumps([one["label"] for one in model(["is my parcel lost", "I want a refund"])]))"""
    environment = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0",
        "TRANSFORMERS_OFFLINE": "0", "HF_HOME": str(tmp_path / "home"),
        "PYTHONPATH": "",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    from transformers import pipeline

    here = pipeline("text-classification", model=str(folder))(["is my parcel lost", "I want a refund"])
    assert json.loads(done.stdout.splitlines()[-1]) == [one["label"] for one in here]


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("hf_nobody", "does not know the token.*hf auth login"),
        ("hf_reader", "does not let this token.*may write there"),
    ],
)
def test_wrong_credentials(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, said: str) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PushFailed, match=said) as refused:
        push(write(tmp_path / "model"))
    assert "\n" not in str(refused.value)
    assert token not in str(refused.value)
    assert not hub.repositories


@pytest.mark.parametrize(("fault", "said"), [("full", "has no space.*make room"), ("cut", "try again")])
def test_half_an_upload_is_nothing(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, said: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library's pauses between its attempts
    setattr(hub, fault, True)
    folder = write(tmp_path / "model")
    with pytest.raises(PushFailed, match=said) as failed:
        push(folder)
    assert "\n" not in str(failed.value)
    repository = hub.repositories["team/topics"]
    assert (len(repository.commits), repository.tags) == (1, {})
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(PushFailed, match=f"has no {FILE}"):
        destination("hub:team/topics").pull(out)
    setattr(hub, fault, False)
    push(folder)
    assert repository.tags


def test_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(PushFailed, match=r"no hub answers at http://127.0.0.1:9 .*HF_ENDPOINT"):
        push(write(tmp_path / "model"))


def test_somebody_elses_repository_is_not_written_over(hub: Hub, tmp_path: Path) -> None:
    push(write(tmp_path / "model"))
    repository = hub.repositories["team/topics"]
    repository.commit({"README.md": b"mine", "pytorch_model.bin": b"mine"})
    with pytest.raises(PushFailed, match="files that labelwheel did not push"):
        push(write(tmp_path / "other", seed=2), "v2")
    assert len(repository.commits) == 3


def test_what_was_changed_there_is_refused(hub: Hub, tmp_path: Path) -> None:
    push(write(tmp_path / "model"))
    repository = hub.repositories["team/topics"]
    tree = repository.commits[repository.head]
    for name, content, said in (
        ("config.json", b"{}", "not the file that was pushed"),
        (FILE, b"[]", "not written by labelwheel"),
        (FILE, tree[FILE].replace(b'"config.json"', b'"../config.json"'), "no file within it"),
    ):
        repository.commit({**tree, name: content})
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        with pytest.raises(PushFailed, match=said):
            destination("hub:team/topics").pull(out)
    with pytest.raises(PushFailed, match="no such repository or version"):
        destination("hub:team/topics@v9").pull(tmp_path / "out")


@pytest.mark.parametrize("address", ["hub:", "hub:a/b/c", "hub:a b", "hub:a@", "nowhere", "ftp:x", "https:"])
def test_what_is_no_place_is_said(address: str) -> None:
    with pytest.raises(InvalidRequest):
        destination(address)
