"""The design of label-studio-ml 2.x as its users run it, as a baseline: not its code, which no package index has.

One gunicorn process with threads, and `transformers.pipeline` on torch without batches. Each request builds the user's
model class anew. In the examples that its users start from (bert_classifier, huggingface_ner) the class keeps its
pipeline on itself, so each request loads the model; with STOCK_KEEPS=1 the pipeline stays in a global instead, which is
what those do who noticed. Answers what `/predict` answers.

    STOCK_MODEL=FOLDER python -m gunicorn --workers 1 --threads 8 --bind 127.0.0.1:9091 benchmarks.stock:app
"""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, jsonify, request

_kept: Any = None


def _load() -> Any:
    from transformers import pipeline

    return pipeline(
        "text-classification", model=os.environ["STOCK_MODEL"], device=os.environ.get("STOCK_DEVICE", "cpu")
    )


class Backend:
    """What a user of label-studio-ml writes: it loads its pipeline when first asked, and goes through the tasks."""

    def __init__(self, project: str, label_config: str) -> None:
        self.project, self.label_config = project, label_config
        self._model: Any = None

    def _lazy_init(self) -> None:
        global _kept
        if os.environ.get("STOCK_KEEPS") == "1":
            self._model = _kept = _kept or _load()
        if not self._model:
            self._model = _load()

    def predict(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._lazy_init()
        found = []
        for best in self._model([task["data"]["text"] for task in tasks], truncation=True, max_length=256):
            region = {
                "from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": [best["label"]]},
                "score": best["score"],
            }  # fmt: skip
            found.append({"result": [region], "score": best["score"], "model_version": "stock"})
        return found


app = Flask(__name__)


@app.post("/predict")
def predict() -> Any:
    body = request.get_json()
    backend = Backend(body["project"], body["label_config"])
    return jsonify(results=backend.predict(body["tasks"]))


@app.get("/health")
def health() -> Any:
    return jsonify(status="UP")
