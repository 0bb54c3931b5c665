"""The base class of models, as its subclasses and the server see it."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, NamedTuple

OPTIONS = ("Choice", "Label")


class Tag(NamedTuple):
    """A control: its name, the object's name, and what it may be answered with."""

    name: str
    to_name: list[str]
    tag: str
    labels: list[str]


class LabelInterface:
    """What a model asks of a label config."""

    def __init__(self, config: str) -> None:
        tree = ElementTree.fromstring(config)
        self._objects = {each.get("name", ""): each for each in tree.iter() if each.get("value", "").startswith("$")}
        self._controls = {
            each.get("name", ""): Tag(
                each.get("name", ""), each.get("toName", "").split(","), each.tag,
                [option.get("value", "") for option in each.iter() if option.tag in OPTIONS],
            )
            for each in tree.iter() if each.get("toName")
        }  # fmt: skip

    def get_first_tag_occurence(self, control_type: Any, object_type: Any, **_: Any) -> tuple[str, str, str]:
        """Name of the control, name of the object, name of the field that it shows."""
        controls = (control_type,) if isinstance(control_type, str) else control_type
        objects = (object_type,) if isinstance(object_type, str) else object_type
        for tag in self._controls.values():
            shown = self._objects.get(tag.to_name[0])
            if tag.tag in controls and shown is not None and shown.tag in objects:
                return tag.name, tag.to_name[0], shown.get("value", "").removeprefix("$")
        raise ValueError(f"No control tag of type {control_type} and object tag of type {object_type} found")

    def get_tag(self, name: str) -> Tag:
        """A control."""
        return self._controls[name]

    def parsed(self) -> dict[str, Any]:
        """As `parsed_label_config` has it."""
        return {
            tag.name: {
                "type": tag.tag, "to_name": tag.to_name, "labels": tag.labels,
                "inputs": [
                    {"type": self._objects[name].tag, "value": self._objects[name].get("value", "").removeprefix("$")}
                    for name in tag.to_name if name in self._objects
                ],
            }
            for tag in self._controls.values()
        }  # fmt: skip


class LabelStudioMLBase:
    """Subclasses override `setup`, `predict` and `fit`. What is `set` stays in a file of MODEL_DIR."""

    INITIAL_MODEL_VERSION = "0.0.1"

    def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
        self.project_id = project_id or ""
        if label_config is not None:
            self.use_label_config(label_config)
        if not self.get("model_version"):
            self.set("model_version", self.INITIAL_MODEL_VERSION)
        self.setup()

    def setup(self) -> None:
        """For subclasses."""

    def use_label_config(self, label_config: str) -> None:
        """Read it, and keep it."""
        self.label_interface = LabelInterface(label_config)
        self.set("label_config", label_config)
        self.set("parsed_label_config", json.dumps(self.label_interface.parsed()))

    def get(self, key: str) -> Any:
        """What was kept, or None."""
        return self._kept().get(f"{self.project_id} {key}")

    def set(self, key: str, value: str) -> None:
        """Keep a text."""
        if not isinstance(value, str):
            raise TypeError("Value must be a string")
        self._cache().write_text(json.dumps({**self._kept(), f"{self.project_id} {key}": value}))

    def has(self, key: str) -> bool:
        """Whether something was kept."""
        return f"{self.project_id} {key}" in self._kept()

    @property
    def label_config(self) -> str:
        return str(self.get("label_config"))

    @property
    def parsed_label_config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("parsed_label_config"))
        return found

    @property
    def model_version(self) -> str | None:
        found: str | None = self.get("model_version")
        return found

    def predict(self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """For subclasses."""
        return []

    def fit(self, event: str, data: dict[str, Any], **additional_params: Any) -> Any:
        """For subclasses."""

    def _cache(self) -> Path:
        return Path(os.getenv("MODEL_DIR", ".")) / "cache.json"

    def _kept(self) -> dict[str, str]:
        path = self._cache()
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return found
