"""The design of label-studio-ml 2.x as its users run it, as a baseline: not its code, which no package index has.

One gunicorn process with threads; for each request the user's model class is built anew around a pipeline that is kept
in a global; `transformers.pipeline` on torch, one text at a time. Answers what `/predict` answers.

    STOCK_MODEL=FOLDER python -m gunicorn --workers 1 --threads 8 --bind 127.0.0.1:9091 benchmarks.stock:app
"""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, jsonify, request

_pipeline: Any = None


class Backend:
    """What a user of label-studio-ml writes: `setup` finds the cached pipeline, `predict` goes through the tasks."""

    def __init__(self, project: str, label_config: str) -> None:
        self.project, self.label_config = project, label_config
        self.setup()

    def setup(self) -> None:
        global _pipeline
        if _pipeline is None:
            from transformers import pipeline

            model = os.environ["STOCK_MODEL"]
            _pipeline = pipeline("text-classification", model=model, device=os.environ.get("STOCK_DEVICE", "cpu"))
        self.model = _pipeline

    def predict(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for task in tasks:
            [best] = self.model(task["data"]["text"], truncation=True, max_length=256)
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
