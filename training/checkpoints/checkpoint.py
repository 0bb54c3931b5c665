"""A checkpoint on disk: a plain transformers folder, a manifest and a report; never pickle.

A folder is a checkpoint once its manifest is there: all is written into a hidden sibling first, made durable, the
manifest last, and renamed into place in one step. Nothing in it changes afterwards.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import psutil
from pydantic import Field, ValidationError

from labelwheel.training.checkpoints import safety
from labelwheel.training.entries import NOT_EXPORTED, Entry
from labelwheel.training.errors import InvalidCheckpoint, InvalidJob, LabelwheelError
from labelwheel.training.questions import Frozen, Question

MANIFEST = "labelwheel.json"
REPORT = "report.json"
CARD = "report.md"
MODEL_CARD = "README.md"
# an export leaves them out: they name people's examples, or other files, or are nothing that transformers reads
_PRIVATE = (MANIFEST, CARD, "result.json", *NOT_EXPORTED)
_SERVED = "onnx/"  # nor what only serving reads: an export is a plain folder for transformers
_TEMPORARY = ".writing-"
_FOREIGN_SECONDS = 24 * 3600.0
_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "scikit-learn", "numpy", "labelwheel")


class Words(Frozen):
    """What has to be known beside `tokenizer.json` to read texts and to name logits: two token ids, labels in order."""

    pad: int
    unknown: int | None
    labels: tuple[str, ...]


class Artefact(Frozen):
    """The ONNX graph of the encoder and the head apart from it, by their names in `files`.

    `words` is None where only transformers reads texts as they were read in training. `lengths` are the texts' tokens,
    from few to many. `alike` names other arithmetic whose answers were found to be those of fp32.
    """

    graph: str
    head: str
    precision: Literal["int8", "fp32"]
    words: Words | None = None
    lengths: tuple[int, ...] = ()
    alike: tuple[str, ...] = ()


class Manifest(Frozen):
    """What a checkpoint is and where it comes from; `files` has the sha256 of every other file by relative name."""

    format: Literal[1] = 1
    version: str
    question: Question
    base_model: str
    encoder_digest: str
    parent: str | None = None
    recipe: str
    max_length: int
    calibration: dict[str, float] = Field(default_factory=dict)
    created_at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    label_set: str  # a hash of the labels that it was trained on
    label_count: int
    seed: int
    settings: dict[str, Any] = Field(default_factory=dict)
    libraries: dict[str, str] = Field(default_factory=dict)
    artefact: Artefact | None = None  # what a CPU serves with; torch reads the weights where there is none
    head: Literal["labelwheel_head.safetensors"] | None = None  # see `layered_head`
    foreign: Entry | None = None  # what answers in the model's place, from elsewhere
    files: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is on disk, whole. `digest` is the sha256 of its manifest, and so of all that is in it."""

    folder: Path
    manifest: Manifest
    digest: str

    @cached_property
    def report(self) -> dict[str, Any]:
        """The report of its training; empty where there is none."""
        path = self.folder / REPORT
        return json.loads(path.read_text("utf-8")) if path.exists() else {}

    @property
    def disk_size(self) -> int:
        """Bytes on disk."""
        return disk_size(self.folder)


def write(
    folder: str | Path, model: Any, tokenizer: Any, manifest: Manifest, files: Mapping[str, str | bytes]
) -> Checkpoint:
    """Writes a checkpoint, whole or not at all; `manifest.files` is filled in here. Without a model, figures alone.

    Raises InvalidJob where `folder` exists (a version is never used twice), and LabelwheelError where the disk is full.
    """
    folder = Path(folder)
    with _appearing(folder) as temporary:
        if model is not None:
            model.save_pretrained(temporary)
        if tokenizer is not None:
            tokenizer.save_pretrained(temporary)
        for name, content in files.items():
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).write_bytes(content.encode() if isinstance(content, str) else content)
        digests = {name: _sha256(temporary / name) for name in _names(temporary)}
        manifest = manifest.model_copy(update={"files": digests})
        safety.check(temporary, _names(temporary))
        _sync(temporary)
        (temporary / MANIFEST).write_text(manifest.model_dump_json(indent=1), "utf-8")
        _sync(temporary / MANIFEST)
        digest = _sha256(temporary / MANIFEST)
    return Checkpoint(folder, manifest, digest)


def read(folder: str | Path, verify: bool = True, digest: str | None = None) -> Checkpoint:
    """The checkpoint in a folder; `verify` also reads every file and compares its sha256.

    `digest` is that of the manifest as it was known before: nobody can then put another checkpoint there, hashes and
    all. Raises InvalidCheckpoint, naming the file, where anything is missing, added, changed or could execute code.
    """
    folder = Path(folder)
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = Manifest.model_validate_json(content.decode("utf-8"))
    except FileNotFoundError:
        raise InvalidCheckpoint(
            f"{folder} has no {MANIFEST}: it is no checkpoint, or one that was not finished; roll back or train anew"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCheckpoint(f"{folder / MANIFEST} cannot be read ({error}); roll back or train anew") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidCheckpoint(
            f"{folder / MANIFEST} does not fit its schema ({where}: {first['msg']}); was it written by another version?"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if digest is not None and found != digest:
        raise InvalidCheckpoint(
            f"{folder / MANIFEST} is not the one that was promoted: the folder was replaced; roll back or train anew"
        )
    present = set(_names(folder))
    for name in sorted(manifest.files.keys() - present):
        raise InvalidCheckpoint(f"{folder / name} is missing; roll back to another version, or train anew")
    for name in sorted(present - manifest.files.keys()):
        raise InvalidCheckpoint(f"{folder / name} is not in the manifest; remove the file if you put it there")
    safety.check(folder, present)
    for name, digest in manifest.files.items():
        if verify and _sha256(folder / name) != digest:
            raise InvalidCheckpoint(f"{folder / name} has changed since it was written; roll back or train anew")
    return Checkpoint(folder, manifest, found)


def export(
    checkpoint: Checkpoint, folder: str | Path, more: str = "", files: Mapping[str, bytes] = MappingProxyType({})
) -> Path:
    """Copies the model as a folder that `transformers.pipeline()` and a model hub take, with its card as the README.

    `more` is Markdown at the card's end, `files` go along, each in the place of one of its name. Raises InvalidJob
    where `folder` exists.
    """
    folder = Path(folder)
    with _appearing(folder) as temporary:
        for name in _names(checkpoint.folder):
            if name not in _PRIVATE and not name.startswith(_SERVED):
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(checkpoint.folder / name, temporary / name)
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        if checkpoint.report:
            (temporary / REPORT).write_text(json.dumps(without_keys(checkpoint.report)), "utf-8")
        card = temporary / MODEL_CARD
        known = [path.read_text("utf-8").rstrip() for path in (card, checkpoint.folder / CARD) if path.exists()]
        card.write_text("\n\n".join([*known[:1], more]).strip() + "\n", "utf-8")
        _sync(temporary)
    return folder


def without_keys(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report as it leaves the house: the keys of single examples are nobody else's."""
    leaks = report.get("leakage")
    return {**report, "leakage": {**leaks, "examples": []}} if leaks else dict(report)


def sweep(parent: str | Path) -> list[Path]:
    """Removes what killed writers left half-written in a folder of checkpoints, and says what that was.

    Another host's leftovers are only removed after a day without a change, for its processes cannot be seen from here.
    """
    removed = []
    for path in sorted(Path(parent).glob(f"{_TEMPORARY}*")):
        host, pid = path.name.removeprefix(_TEMPORARY).split("~")[:2]
        if host == _host():
            alive = psutil.pid_exists(int(pid))
        else:
            alive = time.time() - path.stat().st_mtime < _FOREIGN_SECONDS
        if not alive:
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    return removed


def sibling(folder: Path) -> Path:
    """A new hidden folder beside one that is to appear, named so that `sweep` sees whether its writer lives."""
    temporary = folder.parent / f"{_TEMPORARY}{_host()}~{os.getpid()}~{uuid.uuid4().hex[:8]}"
    temporary.mkdir()
    return temporary


def disk_size(folder: str | Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def libraries() -> dict[str, str]:
    """The versions of the libraries that a checkpoint's numbers depend on."""
    return {name: metadata.version(name) for name in _LIBRARIES if _installed(name)}


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A temporary sibling that becomes `folder` when all went well, and is gone when not."""
    if folder.exists():
        raise InvalidJob(f"{folder} exists already; a version is never used twice, choose another one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = sibling(folder)
    try:
        yield temporary
        _sync(temporary, files=False)
        # rename alone would take an empty folder's place; another process may have made it since the check above
        if folder.exists():
            raise InvalidJob(f"{folder} exists already; a version is never used twice, choose another one")
        temporary.rename(folder)
        _sync(folder.parent, files=False)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        # safetensors writes in Rust and reports a full disk as an error of its own
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
            raise LabelwheelError(f"the disk is full: {folder} was not written; free some space, try again") from error
        raise


def _names(folder: Path) -> list[str]:
    """Every file but the manifest and hidden ones, which transformers never reads."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    visible = (path for path in paths if not any(part.startswith(".") for part in path.parts))
    return sorted(path.as_posix() for path in visible if path.as_posix() != MANIFEST)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path, files: bool = True) -> None:
    if path.is_dir() and files:
        for child in path.rglob("*"):
            _sync(child, files=False)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _host() -> str:
    return socket.gethostname().replace("~", "-")


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
