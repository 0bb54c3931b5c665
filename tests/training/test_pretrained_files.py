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
from labelwheel.training.testing.small_text_model import small_text_model

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
