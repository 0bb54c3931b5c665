"""Which base model a job tunes where a single text may not take longer than so long: the one asked for, or a small one.

The small one is the embedded MiniLM. Where the base model keeps the limit nothing is different.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from labelwheel.training import encoders
from labelwheel.training.base_model import Base
from labelwheel.training.checkpoints.checkpoint import Artefact
from labelwheel.training.latency import Probe
from labelwheel.training.questions import Example
from labelwheel.training.spec import Serving

logger = logging.getLogger(__name__)

_SAMPLE = "Where is my parcel? It should have come on Monday, and nobody has told me anything. "
_MOST = 1000


@dataclass(frozen=True)
class Served:
    """What a job tunes in place of the base model (None: nothing else), what people should know, and what is traced.

    `only_int8` names a model that keeps the limit with a graph in int8.
    """

    instead: Base | None = None
    told: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    only_int8: str | None = None


def keep(
    limit: Serving,
    base: Base,
    small: Callable[[], Base],
    examples: Sequence[Example],
    artefact: bool,
    probe: Probe,
) -> Served:
    """Measures the base model on some texts of the project, and a small one where it is too slow.

    The small one takes its place where it is faster, also where it does not keep the limit either: what is said then
    is what to do. `artefact` tells that checkpoints get a graph.
    """
    name = base.name
    found = probe(base.module, base.tokenizer, _rows(base, examples), limit, artefact)
    logger.info("%s takes %s, and may take %g ms", name, found, limit.max_ms)
    if found.long <= limit.max_ms:
        return Served(only_int8=name if found.int8 else None)
    said = f"{name} takes {found}, more than the {limit.max_ms:g} ms of LABELWHEEL_SERVE_MAX_MS"
    other = small()
    if encoders.digest(other.module) == encoders.digest(base.module):
        return _told(Served(told=f"{said}, and is the smallest base model there is: {_TO_DO}"))
    there = probe(other.module, other.tokenizer, _rows(other, examples), limit, artefact)
    logger.info("%s takes %s", other.name, there)
    if there.long >= found.long:
        return _told(Served(told=f"{said}, and {other.name} is not faster: {_TO_DO}"))
    kept = there.long <= limit.max_ms
    traced = {
        "serve_max_ms": limit.max_ms, "serve_ms": round(there.long, 2), "instead_of": name,
        "instead_of_ms": round(found.long, 2), "timed": there.how,
    }  # fmt: skip
    if kept:
        told = f"{said}: {other.name}, which takes {there}, is served in its place"
        return _told(Served(other, told, traced, other.name if there.int8 else None))
    return _told(
        Served(other, f"{said}, and {other.name}, which is served, does not keep it ({there}): {_TO_DO}", traced)
    )


def unkept(served: Served, artefact: Artefact | None) -> list[str]:
    """A line for people where a checkpoint is slower than was promised for its base model, which is seen last."""
    if served.only_int8 is None or (artefact is not None and artefact.precision == "int8"):
        return []
    line = f"{served.only_int8} keeps LABELWHEEL_SERVE_MAX_MS in int8 alone, which this checkpoint is not served in"
    return [f"{line}: {_TO_DO}"]


_TO_DO = "raise LABELWHEEL_SERVE_MAX_MS, lower LABELWHEEL_MAX_LENGTH, or serve on a faster device"


def _told(found: Served) -> Served:
    logger.warning("%s", found.told)
    return found


def _rows(base: Base, examples: Sequence[Example]) -> Sequence[Any]:
    """Of the project's texts; where there is none yet, a short text and longer ones."""
    rows = base.read(examples[:_MOST])
    if rows:
        return rows
    (field_, *_) = base.question.inputs
    return base.read([Example(key=str(times), fields={field_: _SAMPLE * times}) for times in (1, 1, 4)])
