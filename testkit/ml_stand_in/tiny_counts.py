"""A model as people write them for label-studio-ml, for tests: it counts words by label, and keeps the counts as JSON.

A file `mischief` in the folder that MISCHIEF names has it misbehave: its first word says where, its second how.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from label_studio_ml.model import LabelStudioMLBase
from label_studio_ml.response import ModelResponse


class TinyCounts(LabelStudioMLBase):
    """Naive Bayes over one Choices control."""

    def setup(self) -> None:
        self.set("model_version", "TinyCounts-v0.0.1")

    def predict(self, tasks: list[dict[str, Any]], context: Any = None, **kwargs: Any) -> ModelResponse:
        self._misbehave("predict")
        from_name, to_name, value = self.label_interface.get_first_tag_occurence("Choices", "Text")
        counts: dict[str, dict[str, int]] = json.loads(self._file().read_text())
        found = []
        for task in tasks:
            label, score = self._best(counts, task["data"][value].lower().split())
            region = {"from_name": from_name, "to_name": to_name, "type": "choices", "value": {"choices": [label]}}
            found.append({"result": [region], "score": score, "model_version": self.get("model_version")})
        return ModelResponse(predictions=found)

    def fit(self, event: str, data: dict[str, Any], **kwargs: Any) -> dict[str, int]:
        self._misbehave("fit")
        _, _, value = self.label_interface.get_first_tag_occurence("Choices", "Text")
        counts: dict[str, Counter[str]] = {}
        for task in self._get_tasks(data["annotation"]["project"]):
            for annotation in task["annotations"]:
                label = annotation["result"][0]["value"]["choices"][0]
                counts.setdefault(label, Counter()).update(task["data"][value].lower().split())
        self._file().write_text(json.dumps(counts))
        if "SEEN" in os.environ:
            texts = [task["data"][value] for task in self._get_tasks(1)]
            with Path(os.environ["SEEN"]).open("a") as file:
                file.write(json.dumps({"texts": texts, "environment": sorted(os.environ)}) + "\n")
        return {"labels": len(counts)}

    def _get_tasks(self, project_id: int) -> list[dict[str, Any]]:
        """As many examples do: all tasks of the project, over the API."""
        raise ConnectionError("this test has no Label Studio to fetch tasks from")

    def _file(self) -> Path:
        return Path(os.environ["MODEL_DIR"]) / "counts.json"

    @staticmethod
    def _best(counts: dict[str, dict[str, int]], words: list[str]) -> tuple[str, float]:
        known = {word for each in counts.values() for word in each}
        logs = {
            label: sum(math.log((each.get(word, 0) + 0.5) / (sum(each.values()) + len(known))) for word in words)
            for label, each in counts.items()
        }
        best = max(logs, key=lambda label: logs[label])
        return best, 1.0 / sum(math.exp(max(each - logs[best], -50.0)) for each in logs.values())

    @staticmethod
    def _misbehave(where: str) -> None:
        print("this is", "printed " * 50)
        mischief = Path(os.environ.get("MISCHIEF", ""), "mischief")
        if "MISCHIEF" not in os.environ or not mischief.exists() or mischief.read_text().split()[0] != where:
            return
        how = mischief.read_text().split()[1]
        if how == "exit":
            sys.exit(3)
        if how == "crash":
            os._exit(4)
        if how == "hang":
            time.sleep(3600)
        if how == "hog":
            hoard = []
            while True:
                hoard.append(bytearray(50_000_000))
        raise RuntimeError(f"{how}, as it was asked for")
