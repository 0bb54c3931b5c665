"""The server's routes: a model is made anew for each request."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify, request

from .model import LabelStudioMLBase
from .response import ModelResponse

TRAIN_EVENTS = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED", "START_TRAINING")


def init_app(model_class: type[LabelStudioMLBase]) -> Flask:
    """An app that serves one class."""
    if not issubclass(model_class, LabelStudioMLBase):
        raise ValueError("Inference class should be the subclass of LabelStudioMLBase")
    server = Flask(__name__)

    @server.post("/predict")
    def predict() -> Any:
        data = request.json or {}
        project = str(data.get("project"))
        params = data.get("params", {})
        context = params.pop("context", {})
        model = model_class(project_id=project.split(".", 1)[0], label_config=data.get("label_config"))
        response = model.predict(data.get("tasks"), context=context, **params)
        if isinstance(response, ModelResponse):
            if response.has_model_version():
                response.update_predictions_version()
            elif model.model_version:
                response.set_version(str(model.model_version))
            response = response.model_dump()
        found = [] if response is None else response
        return jsonify({"results": found.get("predictions", found) if isinstance(found, dict) else found})

    @server.post("/setup")
    def setup() -> Any:
        data = request.json or {}
        model = model_class(project_id=data["project"].split(".", 1)[0], label_config=data.get("schema"))
        return jsonify({"model_version": model.get("model_version")})

    @server.post("/webhook")
    def webhook() -> Any:
        data = request.json or {}
        event = data.pop("action")
        if event not in TRAIN_EVENTS:
            return jsonify({"status": "Unknown event"}), 200
        model = model_class(str(data["project"]["id"]), label_config=data["project"]["label_config"])
        return jsonify({"result": model.fit(event, data), "status": "ok"}), 201

    @server.get("/")
    @server.get("/health")
    def health() -> Any:
        return jsonify({"status": "UP", "model_class": model_class.__name__})

    return server
