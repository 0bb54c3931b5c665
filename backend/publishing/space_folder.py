"""A Space's folder: the model with its card, the page, what both need, and how it is started. It runs by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from labelwheel.backend.errors import InvalidRequest
from labelwheel.backend.publishing import vendoring
from labelwheel.backend.publishing.space.settings import FILE, MODEL, SpaceSettings
from labelwheel.training.checkpoints import plain_folder
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question

_FROM_NAMES = 8
_MODULES = ("labelwheel.backend.publishing.space", "labelwheel.training.model", "labelwheel.training.kinds")
_START = '''"""Starts this Space. PORT, HOST, SPACE_DATA and FLAGS_TOKEN are read from the environment."""

from pathlib import Path

from labelwheel.backend.publishing.space.server import main

if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
'''
_DOCKERFILE = """\
FROM python:3.11-slim
RUN useradd --create-home --uid 1000 user
WORKDIR /home/user/app
COPY --chown=user requirements.txt .
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.txt
COPY --chown=user . .
USER 1000
EXPOSE 7860
CMD ["python", "app.py"]
"""
_README = """\
---
title: {title}
emoji: 🏷️
colorFrom: blue
colorTo: green
sdk: docker
app_port: 7860
pinned: false
---

# {heading}

A page to try the model `{version}`, which learnt from what people labelled with Labelwheel. What it is for, how good it
is and where its limits are: [its card](model/README.md). It runs without a container, too:
`pip install -r requirements.txt && python app.py`.

**What visitors flag.** *This is wrong* keeps a visitor's text with the answer that they think right, at most 1,000 of
them, until they are fetched. Set the secret `FLAGS_TOKEN` (a long random text) in the Space's settings; whoever has it
fetches them as labels:

    LABELWHEEL_SPACE_TOKEN=… labelwheel space --pull https://OWNER-NAME.hf.space --project PROJECT

Without persistent storage a Space forgets what was not fetched when it restarts; with it, flags are kept in `/data`.
"""


def write(folder: Path, version: str, question: Question, examples: Sequence[Sequence[str]] | None) -> None:
    """Completes a folder that has the plain model in `model/`. None makes examples of the names of the labels.

    Raises InvalidRequest where an example has not one text for each input of the question.
    """
    if examples is None:
        examples = _from_names(question)
    for texts in examples:
        if len(texts) != len(question.inputs):
            raise InvalidRequest(
                f"an example of {question.name} has {len(question.inputs)} texts, as a JSON list, not {len(texts)}"
            )
    manifest = plain_folder.manifest(folder / MODEL, question=question)
    known = _known_length(folder / MODEL)
    manifest = manifest.model_copy(
        update={
            "version": version,
            "base_model": "",
            "max_length": min(known or manifest.max_length, manifest.max_length),
        }
    )
    space = SpaceSettings(manifest=manifest, examples=tuple(tuple(texts) for texts in examples))
    (folder / FILE).write_text(space.model_dump_json(indent=1), "utf-8")
    requirements = vendoring.copy(_MODULES, folder)
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n", "utf-8")
    (folder / "app.py").write_text(_START, "utf-8")
    (folder / "Dockerfile").write_text(_DOCKERFILE, "utf-8")
    (folder / ".dockerignore").write_text("flags\n__pycache__\n", "utf-8")
    heading = " ".join(question.name.split())
    text = _README.format(title=json.dumps(heading[:60], ensure_ascii=False), heading=heading, version=version)
    (folder / "README.md").write_text(text, "utf-8")


def _from_names(question: Question) -> list[list[str]]:
    """Nobody's texts: the names of the labels, for kinds whose labels have names and that read one text."""
    if kind_of(question).sides > 1 or len(question.inputs) > 1:
        return []
    return [[option.value] for option in question.options[:_FROM_NAMES]]


def _known_length(model: Path) -> int | None:
    try:
        found = json.loads((model / "report.json").read_bytes())["settings"]["max_length"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if type(found) is int and found > 0 else None
