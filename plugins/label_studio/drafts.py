"""Interactive mode: what Label Studio tells of an annotation that is being made, and what is added to it.

Its page sends the regions of one label each time that one of them was drawn, moved or relabelled, and takes all that is
answered into the annotation: a region beside the others, and an answer to a whole task *in place of* the one that
stands there, whoever gave it. So a page that tells regions alone is answered with regions alone. Whoever sends a whole
draft, `"whole": true` or with an answer to a whole task in it, is told what it implies for the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.label_studio.layout import Control, Layout
from labelwheel.plugins.label_studio.regions import decode, encode, score_of
from labelwheel.plugins.label_studio.repeats import Mark, repeats
from labelwheel.plugins.label_studio.values import SPAN_TYPES
from labelwheel.training.questions import Answer, Example, Prediction, brief

MOST = 500
"""So many regions of a draft are looked at, the last ones."""
REMEMBERED = 20_000
OURS = re.compile(r"lwr[0-9a-f]{16}")

Implied = Callable[[Example, Mapping[str, Answer]], Suggestion]
"""What the answers of a draft imply for the questions that it leaves open."""

New = Callable[..., bool]


@dataclass(frozen=True)
class Draft:
    """`regions` came with the request, `saved` stand in the person's drafts of some seconds ago.

    `suggested` are regions that may stand there too, where nothing was saved yet.
    """

    regions: Sequence[Mapping[str, Any]]
    saved: Sequence[Mapping[str, Any]]
    suggested: Sequence[Mapping[str, Any]]
    whole: bool


class Memory:
    """Which marks were answered already, in bounded memory.

    Each mark is sent again with the next one of its label: a suggestion that was taken away must not come back.
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def new(self, *parts: object) -> bool:
        """Whether this was never asked; from now on it was."""
        name = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()
        with self._lock:
            known = name in self._seen
            self._seen[name] = None
            self._seen.move_to_end(name)
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
            return not known


def read(params: object, task: Mapping[str, Any], layout: Layout) -> Draft | None:
    """What a request tells of a draft; None where it is an ordinary one, or nothing can be made of it."""
    context = params.get("context") if isinstance(params, Mapping) else None
    result = context.get("result") if isinstance(context, Mapping) else None
    if not isinstance(context, Mapping) or not isinstance(result, list):
        return None
    regions = _mappings(result)
    saved = [region for draft in _mappings(task.get("drafts")) for region in _mappings(draft.get("result"))]
    predictions = [] if saved else _mappings(task.get("predictions"))
    suggested = [region for each in predictions for region in _mappings(each.get("result"))]
    answered = (layout.controls.get(str(region.get("from_name"))) for region in regions)
    whole = context.get("whole") is True or any(each is not None and not _marked(each) for each in answered)
    return Draft(regions, saved[-MOST:], suggested[-MOST:], whole)


def added(
    layout: Layout, example: Example, task: Mapping[str, Any], draft: Draft, new: New, implied: Implied
) -> tuple[list[dict[str, Any]], float]:
    """What belongs into a draft beside what it has, as regions, and how sure that is.

    `new` says of a mark whether it was not asked about yet; `implied` is asked about a whole draft alone.
    """
    data = task.get("data")
    regions = [
        region
        for name, control in layout.controls.items()
        if _marked(control)
        for region in _repeated(layout, name, example, data, draft, new)
    ]
    if not draft.whole or not example.fields:
        return regions, 1.0 if regions else 0.0
    given, _ = decode(layout, draft.regions, example, data)
    stated = {str(region.get("from_name")) for region in (*draft.regions, *draft.saved)}
    found = implied(example, {name: answer for name, answer in given.items() if name in stated})
    open_ = {name: one for name, one in found.predictions.items() if name not in stated and one.answer is not None}
    return regions + encode(layout, example, data, open_, found.version), score_of(open_) if open_ else 1.0


def _repeated(
    layout: Layout, name: str, example: Example, data: object, draft: Draft, new: New
) -> Iterator[dict[str, Any]]:
    """The words that were just marked, elsewhere in the same text."""
    control = layout.controls[name]
    drawn = [region for region in draft.regions if region.get("from_name") == name and _drawn(region)]
    fresh = [region for region in drawn if "id" not in region or new(example.key, *_place(region))]
    text = control.question.text(example)
    if not fresh or not text:
        return
    beside = {
        other: each for other, each in layout.controls.items() if _marked(each) and each.to_name == control.to_name
    }
    stated = _marks(beside, example, data, [*draft.regions, *draft.saved])
    suggested = _marks(beside, example, data, draft.suggested)
    spans = [mark._asdict() for mark in repeats(text, _marks({name: control}, example, data, fresh), stated, suggested)]
    said = {name: Prediction(answer=spans, score=1.0)}
    for region in encode(layout, example, data, said, ""):
        digest = hashlib.sha256(json.dumps([example.key, name, region["value"]]).encode()).hexdigest()
        yield {**{key: value for key, value in region.items() if key != "score"}, "id": f"lwr{digest[:16]}"}


def _marked(control: Control) -> bool:
    """Whether it is answered by marking pieces of a text."""
    return control.type in SPAN_TYPES


def _drawn(region: Mapping[str, Any]) -> bool:
    """Whether a person has marked it: neither a suggestion of the model's that was left as it is, nor one from here."""
    return region.get("origin") != "prediction" and not OURS.fullmatch(str(region.get("id")))


def _place(region: Mapping[str, Any]) -> Iterator[str]:
    """What tells one mark from another: one that was moved or relabelled is another one."""
    value = region.get("value")
    found = value if isinstance(value, Mapping) else {}
    yield brief(region["id"])
    yield from (brief(found.get(key)) for key in ("start", "startOffset", "end", "endOffset", *SPAN_TYPES))


def _marks(
    controls: Mapping[str, Control], example: Example, data: object, regions: Sequence[Mapping[str, Any]]
) -> list[Mark]:
    answers, _ = decode(Layout(controls), regions, example, data)
    return [Mark(span["start"], span["end"], span["label"]) for spans in answers.values() for span in spans]


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)][-MOST:] if isinstance(value, list) else []
