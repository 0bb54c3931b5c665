"""Tasks that come with an annotation: what somebody answered elsewhere, once for each name."""

from __future__ import annotations

import uuid
from html import escape
from typing import Any

from labelwheel.plugins.capabilities import Given
from labelwheel.plugins.errors import ToolError
from labelwheel.plugins.label_studio.annotations import ADDED
from labelwheel.plugins.label_studio.project import Project, where
from labelwheel.plugins.label_studio.regions import encode
from labelwheel.plugins.label_studio.texts import Source
from labelwheel.training.questions import Prediction

_IMPORT_SECONDS = 60.0


def add(project: Project, given: Given) -> None:
    """Imports a task with an annotation, of the token's owner."""
    if _known(project, given.name):
        return
    layout = project.layout
    sources = {source.name: source for control in layout.controls.values() for source in control.sources}
    data: dict[str, Any] = {}
    for name, source in sources.items():
        data |= _put(source, given.fields.get(name, ""))
    example = layout.example(given.name, data)
    if dict(example.fields) != {name: text for name, text in given.fields.items() if text}:
        raise ToolError("Label Studio would show another text than the one that was answered about; label it there")
    said = {name: Prediction(answer=answer) for name, answer in given.answers.items()}
    regions = encode(layout, example, data, said, "")
    silent = [name for name, answer in given.answers.items() if answer != [] and not _has(regions, name)]
    if silent:
        raise ToolError(f"Label Studio's project cannot have that answer to {silent[0]!r} any more; label it there")
    result = [
        {**{key: value for key, value in region.items() if key != "score"}, "id": uuid.uuid4().hex[:10]}
        for region in regions
    ]
    task = {"data": {**data, ADDED: given.name}, "annotations": [{"result": result}]}
    project.client.send("POST", f"/api/projects/{project.id}/import", [task], timeout=_IMPORT_SECONDS)


def _known(project: Project, name: str) -> bool:
    return bool(project.tasks(where(f"data.{ADDED}", "equal", name, "String"), size=1, include="id"))


def _has(regions: list[dict[str, Any]], name: str) -> bool:
    return any(region["from_name"] == name for region in regions)


def _put(source: Source, text: str) -> dict[str, Any]:
    """The data of a task in which an object shows a text."""
    variables = source.variables
    if not variables:
        return {}
    (variable, *others) = variables
    if others or source.value != f"${variable}" or source.encoding != "none":
        raise ToolError(f"{source.name!r} of Label Studio shows {source.value!r}: a text cannot be put there by itself")
    if source.tag == "Paragraphs":
        return {variable: [{source.name_key: "", source.text_key: text}]}
    return {variable: escape(text, quote=False) if source.tag == "HyperText" else text}
