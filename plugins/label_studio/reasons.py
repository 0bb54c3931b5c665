"""Which words carried a suggestion, in Label Studio: marks of a control that asks nothing, and the details of spans.

The control is `<Labels name="labelwheel_words" toName="text">` with any label, or one for each question by its name.
What stands in it is never read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.label_studio import values
from labelwheel.plugins.label_studio.layout import Control, Layout
from labelwheel.plugins.label_studio.regions import region_id
from labelwheel.plugins.reasons import NAME, quoted
from labelwheel.training.questions import Example

Regions = list[dict[str, Any]]


def beside(regions: Regions, layout: Layout, example: Example, data: object, suggestion: Suggestion) -> Regions:
    """The regions of a suggestion with what is known of its reasons."""
    if not suggestion.reasons:
        return regions
    details = _details(layout, data, suggestion)
    told = [
        {**region, "meta": {"text": [details[place]]}} if (place := _place(region)) in details else region
        for region in regions
    ]
    return told + (_marks(layout.marks, example, data, suggestion) if layout.marks is not None else [])


def without(result: object) -> list[Any]:
    """Of a prediction's regions what they suggest, without any reasons, to be compared."""
    listed = [region for region in result if isinstance(region, Mapping)] if isinstance(result, list) else []
    return [(region.get("id"), region.get("value")) for region in listed if region.get("from_name") != NAME]


def _details(layout: Layout, data: object, suggestion: Suggestion) -> dict[str, str]:
    """By the region of a span, what carried it."""
    found: dict[str, str] = {}
    for name, reasons in suggestion.reasons.items():
        control = layout.controls.get(name)
        if control is None or control.type not in values.SPAN_TYPES:
            continue
        for reason in reasons:
            for value, _ in values.FORMATS[control.type].write(control, [reason.item], data, {}):
                found[_place({"from_name": name, "value": value})] = f"carried by {quoted(reason.words)}"
    return found


def _place(region: Mapping[str, Any]) -> str:
    return json.dumps([region["from_name"], region["value"]], sort_keys=True)


def _marks(marks: Control, example: Example, data: object, suggestion: Suggestion) -> Regions:
    """The words that carried answers about the whole text; those of spans are in their details."""
    source, labels = marks.sources[0], marks.question.values
    spans = {
        (word.start, word.end): {"start": word.start, "end": word.end, "label": name if name in labels else labels[0]}
        for name, reasons in suggestion.reasons.items()
        for reason in reasons
        for word in reason.words
        if word.field == source.name and not isinstance(reason.item, dict)
    }
    answer, _ = marks.question.fitting([spans[place] for place in sorted(spans)], example)
    if not answer:
        return []
    written = values.FORMATS[marks.type].write(marks, answer, data, {})
    return [
        {
            "id": region_id(example.key, NAME, suggestion.version, index),
            "from_name": NAME,
            "to_name": marks.to_name,
            "type": marks.type,
            "value": value,
            "readonly": True,
        }
        for index, (value, _) in enumerate(written)
    ]
