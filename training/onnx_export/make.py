"""Makes the artefact at the end of a job: export, check against torch, quantise, decide."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labelwheel.training import batches
from labelwheel.training.checkpoints.checkpoint import Artefact, Words
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.heads.base import FastHead
from labelwheel.training.kinds.base import Encoding, QuestionKind
from labelwheel.training.model import pad_token
from labelwheel.training.onnx_export import graph, openvino_session, tokenizing
from labelwheel.training.onnx_export.equivalence import ENOUGH, Agreement, judge
from labelwheel.training.onnx_export.quantisation import quantise
from labelwheel.training.onnx_export.session import GraphSession, Head, Session
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Part

logger = logging.getLogger(__name__)

GRAPH, HEAD = "onnx/encoder.onnx", "onnx/head.safetensors"
MOST_TOKENS = 20_000
"""What the two precisions are compared on: some seconds on one core."""

_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Of the texts' lengths: an engine is chosen by how soon it computes such texts."""

_CHECKED = 16
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Made:
    """What goes into the checkpoint: its files, its entry in the manifest, and its place in the report."""

    entry: Artefact | None
    files: Mapping[str, bytes] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """The checkpoint that is about to be written: all that turns an example into a prediction."""

    question: Question
    kind: QuestionKind
    module: Any
    tokenizer: Any
    max_length: int
    id2label: Mapping[int, str]
    calibration: Mapping[str, float]
    threads: int | None = None
    on_layers: FastHead | None = None  # what answers in the place of the last layer
    compared: bool = True  # with what other engines answer, where they are installed


def make(source: Source, rows: Sequence[LabelledExample], seed: int = 13) -> Made:
    """The artefact of a module that is on the CPU; without one, torch serves the checkpoint, and `told` says why."""
    begin = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="labelwheel-onnx-") as scratch:
            entry, files, told = _make(source, rows, Path(scratch), seed)
    except Exception as error:  # whatever an architecture does to the exporter: torch serves what cannot be exported
        logger.exception("No ONNX artefact could be made")
        line = next(iter(str(error).splitlines()), "")[:200]
        return Made(None, told={"precision": None, "reason": f"the export failed ({type(error).__name__}: {line})"})
    logger.info("Artefact in %s: %s (%.1f s)", entry.precision, told["reason"], time.monotonic() - begin)
    size = sum(map(len, files.values()))
    return Made(entry, files, {**told, "bytes": size, "seconds": round(time.monotonic() - begin, 1)})


def _make(
    source: Source, rows: Sequence[LabelledExample], scratch: Path, seed: int
) -> tuple[Artefact, dict[str, bytes], dict[str, Any]]:
    plain, small = scratch / "fp32.onnx", scratch / "int8.onnx"
    graph.export(source.module, plain)
    head, pad = Head.of(source.module), pad_token(source.tokenizer)
    session = Session(plain, pad, source.threads)
    _check(source, head, session)
    chosen, lengths = _chosen(source, rows)
    answers = _answers(source, head, session, chosen)

    def judged(name: str, other: GraphSession | None) -> Agreement:
        said = answers if other is None else _answers(source, head, other, chosen)
        return judge(source.question, source.kind, chosen, answers, said, name, seed)

    enough = len(chosen) >= ENOUGH
    if enough:
        quantise(plain, small, source.tokenizer)
    found = judged("int8", Session(small, pad, source.threads) if enough else None)
    precision: Literal["int8", "fp32"] = "int8" if found.holds else "fp32"
    path = small if found.holds else plain
    others = {}
    if enough and source.compared and openvino_session.installed():
        try:
            other = openvino_session.OpenVinoSession(path, pad, source.threads or 1)
            others[other.arithmetic] = judged(other.arithmetic, other)
        except LabelwheelError as error:  # it is one more way to compute: without it there is the usual one
            logger.warning("OpenVINO cannot compute the artefact: %s", error)
    entry = Artefact(
        graph=GRAPH, head=HEAD, precision=precision, words=_words(source, chosen, scratch), lengths=lengths,
        alike=tuple(name for name, each in others.items() if each.holds),
    )  # fmt: skip
    told = {
        "precision": precision, **found.model_dump(exclude={"holds", "score"}), "int8_score": found.score,
        "others": {name: each.model_dump() for name, each in others.items()},
    }  # fmt: skip
    return entry, {GRAPH: path.read_bytes(), HEAD: head.dump()}, told


def _words(source: Source, rows: Sequence[LabelledExample], scratch: Path) -> Words | None:
    """What reads texts without transformers, if it reads these, and the probes, as transformers does."""
    if not source.tokenizer.is_fast:
        return None
    words = tokenizing.words(source.tokenizer, source.id2label)
    folder = scratch / "words"
    source.tokenizer.save_pretrained(folder)
    texts = [text for row in rows for text in source.question.texts(row.example)]
    alike = tokenizing.alike(source.tokenizer, tokenizing.Reader.load(folder, words), texts, source.max_length)
    return words if alike else None


def _check(source: Source, head: Head, session: Session) -> None:
    """The graph with its head says what the module says, whatever the architecture does behind its last Linear."""
    short = source.tokenizer("Where is my parcel?")["input_ids"]
    rows = [Encoding(place, short[: 1 + place] if place < len(short) else short) for place in range(_CHECKED // 2)]
    rows.append(Encoding(len(rows), (short[1:-1] or short) * 8))
    rows = [Encoding(row.example, list(row.input_ids)[: source.max_length]) for row in rows if len(row.input_ids) > 1]
    wanted = batches.forward(source.module, rows, pad_token(source.tokenizer))
    given = head(session.features(rows))
    for one, other in zip(wanted, given, strict=True):
        if one.shape != other.shape:
            raise ValueError(f"the graph answers {other.shape}, torch {one.shape}")
        apart = float(np.abs(one - other).max())
        if apart > _TOLERANCE * max(1.0, float(np.abs(one).max())):
            raise ValueError(f"the graph's answers are {apart:.2g} away from torch's")


def _chosen(source: Source, rows: Sequence[LabelledExample]) -> tuple[list[LabelledExample], tuple[int, ...]]:
    """The held-out examples, or all where those are few, as many as fit into some seconds; and how long texts are."""
    held = [row for row in rows if row.part is Part.HELD_OUT]
    wanted = held if len(held) >= ENOUGH else [*held, *(row for row in rows if row.part is not Part.HELD_OUT)]
    lengths = [0] * len(wanted)
    encoded = source.kind.encode(source.question, [row.example for row in wanted], source.tokenizer, source.max_length)
    for encoding in encoded:
        lengths[encoding.example] += len(encoding.input_ids)
    readable = [(row, length) for row, length in zip(wanted, lengths, strict=True) if length]
    chosen, tokens = list[LabelledExample](), 0
    for row, length in readable:
        tokens += length
        if len(chosen) >= ENOUGH and tokens > MOST_TOKENS:
            break
        chosen.append(row)
    there = [len(encoding.input_ids) for encoding in encoded if encoding.input_ids]
    usual = np.quantile(there, _QUANTILES, method="nearest").tolist() if there else []
    return chosen, tuple(map(int, usual))


def _answers(source: Source, head: Head, session: GraphSession, rows: Sequence[LabelledExample]) -> list[Any]:
    examples = [row.example for row in rows]
    encodings = source.kind.encode(source.question, examples, source.tokenizer, source.max_length)
    found: dict[int, np.ndarray] = {}
    other = source.on_layers
    order = sorted(range(len(encodings)), key=lambda place: len(encodings[place].input_ids))
    for start in range(0, len(order), 16):
        places = order[start : start + 16]
        features = session.features([encodings[place] for place in places], layered=other is not None)
        logits = head(features)
        found.update(zip(places, logits if other is None else other.values(features, logits), strict=True))
    logits = [found[place] for place in range(len(encodings))]
    if other is not None:
        return other.decode(source.question, examples, encodings, logits)
    return source.kind.decode(source.question, examples, encodings, logits, source.id2label, source.calibration)
