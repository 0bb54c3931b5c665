"""Pretrained models by a hub name: found in the hub's cache without a network, and the same as in a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labelwheel.training import pretrained_files
from labelwheel.training.errors import InvalidJob
from labelwheel.training.questions import Question
from labelwheel.training.spec import JobSpec, Recipe
from labelwheel.training.testing.small_text_model import small_text_model
from testkit.hub import Hub, Repository

CODE = """
import json, sys
from labelwheel.training import pretrained_files
from labelwheel.training.errors import InvalidJob
from labelwheel.training.text_models import pretrained
model = pretrained.load(sys.argv[1], "cpu")
try:
    pretrained.load("someone/nothing", "cpu")
except InvalidJob as error:
    print(json.dumps([model.name, model.digest, pretrained_files.size(sys.argv[1]), str(error)]))
"""

FETCH = """
import json, sys
from labelwheel.training import surroundings
from labelwheel.training.spec import JobSpec
spec = JobSpec.model_validate_json(sys.argv[1])
surroundings.prepare(spec)
from labelwheel.training.text_models import pretrained
model = pretrained.load(spec.text_model, "cpu")
print(json.dumps([model.name, model.digest]))
"""
QUESTION = Question(name="reply", kind="text", inputs=("text",), maximum=1)


def test_a_hub_name_is_found_in_the_cache_without_a_network(tmp_path: Path) -> None:
    cache = tmp_path / "home" / "hub" / "models--someone--tiny"
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = small_text_model(cache / "snapshots" / commit, ["some words"])
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    offline = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    offline.pop("HF_HUB_CACHE", None)
    run = subprocess.run(
        [sys.executable, "-c", CODE, "someone/tiny"], env=offline, check=True, capture_output=True, timeout=120
    )
    name, digest, size, refused = json.loads(run.stdout.decode().splitlines()[-1])
    assert (name, digest) == ("someone/tiny", pretrained_files.hashed(folder))
    assert size == (folder / "model.safetensors").stat().st_size
    assert refused.startswith("someone/nothing cannot be loaded")


def test_a_hub_name_is_fetched_once_in_all_its_parts_and_the_hub_is_not_asked_again(tmp_path: Path) -> None:
    """Jobs had no hub where the base model needs none; of weights in parts the index alone was fetched."""
    from transformers import T5ForConditionalGeneration

    folder = small_text_model(tmp_path / "model", ["some words"])
    whole = T5ForConditionalGeneration.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    whole.save_pretrained(folder, max_shard_size="100KB")
    spec = JobSpec(
        version="v", question=QUESTION, data="", output="", recipe=Recipe.AUTO, text_model="team/tiny", device="cpu"
    )
    place = {"HF_HOME": str(tmp_path / "home"), "HF_TOKEN": "hf_writer", "HF_HUB_DISABLE_XET": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}

    def load(url: str) -> list[str]:
        run = subprocess.run(
            [sys.executable, "-c", FETCH, spec.model_dump_json()], env=environment | place | {"HF_ENDPOINT": url},
            capture_output=True, timeout=300, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr.decode()[-2000:]
        return list(json.loads(run.stdout.decode().splitlines()[-1]))

    with Hub() as hub:
        hub.repositories["team/tiny"] = Repository(private=False)
        hub.repositories["team/tiny"].commit({file.name: file.read_bytes() for file in folder.iterdir()})
        first = load(hub.url)
        asked = len(hub.calls)
        assert load(hub.url) == first
        assert len(hub.calls) == asked, "what is whole is asked for again"
    assert first == ["team/tiny", pretrained_files.hashed(folder)]
    next((tmp_path / "home" / "hub").rglob("model-*.safetensors")).unlink()
    place["HF_HUB_OFFLINE"] = "1"
    with pytest.raises(AssertionError, match="no hub can be asked for it"):
        load("http://127.0.0.1:9")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_whatever_says_how_it_answers_is_part_of_what_it_is(name: str, tmp_path: Path) -> None:
    folder = small_text_model(tmp_path / "model", ["some words"])
    before = pretrained_files.hashed(folder)
    (folder / "README.md").write_text("a card says nothing of that")
    assert pretrained_files.hashed(folder) == before
    content = bytearray((folder / name).read_bytes())
    content[-2] ^= 1
    (folder / name).write_bytes(bytes(content))
    assert pretrained_files.hashed(folder) != before


def test_weights_in_parts_are_all_of_it(tmp_path: Path) -> None:
    folder = small_text_model(tmp_path / "model", ["some words"])
    from transformers import T5ForConditionalGeneration

    whole = T5ForConditionalGeneration.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    whole.save_pretrained(folder, max_shard_size="100KB")
    parts = sorted(folder.glob("model-*.safetensors"))
    assert len(parts) > 2
    before = pretrained_files.hashed(folder)
    assert pretrained_files.size(str(folder)) > sum(part.stat().st_size for part in parts)
    content = parts[1].read_bytes()
    parts[1].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert pretrained_files.hashed(folder) != before
    parts[1].unlink()
    with pytest.raises(InvalidJob, match="cannot be loaded"):
        pretrained_files.size(str(folder))
