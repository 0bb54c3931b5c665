"""What stands in a task: the text of each object of a label config, as people see it. Nothing is fetched."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelwheel.plugins.label_studio.hypertext import Rendered, render
from labelwheel.plugins.limits import clean

VARIABLE = re.compile(r"\$[\w\[\].{}]+")
STEP = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True)
class Source:
    """An object tag that shows text: Text, HyperText or Paragraphs. `value` is its expression, such as `$text`."""

    name: str
    tag: str
    value: str
    encoding: str = "none"
    inline: bool = False
    name_key: str = "author"
    text_key: str = "text"

    @property
    def varies(self) -> bool:
        """Whether it shows anything of a task; else it shows the same in all of them."""
        return VARIABLE.search(self.value) is not None

    @property
    def variables(self) -> set[str]:
        """The names in a task's data that it shows something of."""
        paths = {found[1:] for found in VARIABLE.findall(self.value)}
        return paths | {step[0] for path in paths if (step := STEP.findall(path))}

    def text(self, data: Mapping[str, Any]) -> str:
        """The text that a model reads; empty where the task has none."""
        return self.rendered(data).text if self.tag == "HyperText" else self.raw(data)

    def rendered(self, data: Mapping[str, Any]) -> Rendered:
        """The same with its places in Label Studio's counting, for HyperText."""
        return render(self.raw(data), inline=self.inline)

    def raw(self, data: Mapping[str, Any]) -> str:
        """The value itself, decoded, as text."""
        value = resolve(self.value, data)
        if self.tag == "Paragraphs":
            return clean(self._dialogue(value))
        text = string(value)
        if self.encoding.startswith("base64"):
            try:
                text = base64.b64decode(text).decode("utf-8" if self.encoding == "base64unicode" else "latin-1")
            except ValueError:
                return ""
        return clean(text)

    def _dialogue(self, value: Any) -> str:
        if not isinstance(value, list):
            return string(value)
        turns = [turn for turn in value if isinstance(turn, Mapping)]
        lines = ((string(turn.get(self.name_key)), string(turn.get(self.text_key))) for turn in turns)
        return "\n".join(f"{who}: {what}" if who else what for who, what in lines)


def resolve(expression: str, data: Mapping[str, Any]) -> Any:
    """A value such as `$text`, `$a.b[0]` or `From: $sender`, read out of a task's data as Label Studio does."""
    if VARIABLE.fullmatch(expression):
        return lookup(data, expression[1:])
    return VARIABLE.sub(lambda match: string(lookup(data, match.group()[1:])), expression)


def lookup(data: Any, path: str) -> Any:
    """Follow `a.b[0]`; None where it leads nowhere. A key that is the whole path comes first."""
    if isinstance(data, Mapping) and path in data:
        return data[path]
    for step in STEP.findall(path):
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and step.isdecimal() and len(step) < 10 and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def string(value: Any) -> str:
    """A value of any type as the text that is shown."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, list) and all(not isinstance(item, list | dict) for item in value):
        return ",".join(string(item) for item in value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
